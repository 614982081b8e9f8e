"""The words of the crypto lexicon and how strongly each leans: our own list, written for posts about coins.

A valence says what a post that uses the word thinks of where the price goes, from -4 (gone) to 4 (to the moon).
Groups are `valence: entries between commas`; a word with a tilde stands for its s, ed and ing forms too.
Phrases are matched before words, the longest first; a phrase of valence 0 takes its words out of the count.
"""

from __future__ import annotations

WORDS: dict[float, str] = {
    3.2: """
        moon, mooning, moonshot, mooned, lambo, lambos, skyrocket~, parabolic, wagmi, 100x, 1000x,
        50x
    """,
    2.6: """
        bullish, bullrun, bullmarket, rocket, rockets, rocketing, diamond, hodl~, hodler, hodlers,
        ath, aths, breakout, breakouts, undervalued, multibagger, 10x, 20x, gem, gems,
        gemz, explode~, generational, supercycle, ripping,  unstoppable,
        moonboy
    """,
    2.0: """
        bull, bulls, outperform~, soar~, surge~, pump~, rally, rallies, rallied, rallying, buy~, bought, accumulate~,
        accumulation, bounce~, rebound~, recover~, recovery, adopt~, adoption, gain~, profit~,
        profitable, upside, uptrend, breakthrough, winner, winners, win, wins, winning, longs,
        longing, stack~, dca, dcaing, upgrade~, upgrades, amazing, awesome, excellent, fantastic,
        incredible, brilliant, optimistic, optimism, confident, bargain, cheap, flippening, halving,
        boom~, climb~, jump~, beat, beats, stellar, outstanding, legit, legendary, perfect, best,
        love~, thrive~, revolutionary, revolution, revolutionize~
    """,
    1.4: """
        good, great, strong, stronger, strongest, strength, grow~, growth, growing, grew, up,
        higher, rise~, rising, rose, risen, green, hold, holding, holds, holder, holders, invest~,
        investment, investor, investors, future, potential, opportunity, opportunities, promising,
        solid, success, successful, succeed~, support~, bottomed, undersold, oversold, innovative,
        innovation, improve~, improvement, improvements, benefit~, beneficial, boost~, approve~,
        approval, partnership, partnerships, launch~, mainstream, scarce, scarcity, deflationary,
        secure, secured, safe, safer, trust~, trusted, valuable, valued, worth, worthwhile,
        positive, excited, exciting, excitement, happy, glad, nice, nicely, impressive, impressed,
        wealth, wealthy, rich, richer, retire~, freedom, patient, patience, hopeful, hope~,
        believe~, belief, faith, conviction, passive, reward~, rewards, yield~, stake~, staking,
        earn~, earning, earnings, useful, utility, efficient, efficiency, scalable, decentralized,
        decentralised, brighter, bright, celebrate~, congrats, congratulations, recommend~,
        favorite, favourite, enjoy~, better, tops, exceed~, expand~, expansion, raise~, raises,
        raised, advance~, progress, superior, sustainable, reliable, robust, proven, resilient,
        blessing, advantage, advantages, overweight, dividend, dividends, buyback, buybacks,
        unlock~, worthy, fundamentals, inevitable, comeback, revive~
    """,
    0.8: """
        long, like, likes, liked, early, ready, interested, interesting, save~, saving, savings, help~,
        helpful, diversify~, diversified, solution, solutions, smart, smarter, wise, cool, fun,
        fine, easy, easier, simple, fast, faster, accept~, build~, building, builders, develop~,
        development, developments, stable, steady, calm, agree~, agreed, real,   thanks,
        thank, cheers, welcome, learn~, educate~, grateful, lucky, luck, wow, yes, yay, yep,
        healthy, honest, fair, clear, top, forward, ahead, soon, eventually, patiently, passively,
        portfolio, lfg, comfortable, relax~, institutional, institutions, blockchain, technology,
        tech, ecosystem, community
    """,
    -0.8: """
        low, lower, risk, risks, riskier, slow, slowly, slower, wait, doubt~, doubtful, unsure,
        uncertain, uncertainty, caution, cautious, careful, complicated, confusing, confused,
        expensive, unstable, volatility, hard, harder, hype, hyped, wrong, issue, issues, problem,
        problems, problematic, miss~, limit~, tough, odd, boring, bored, unfortunately, sadly,
        sorry, no, nah, nope, less, lack~, lacks, blame~, excuse~, ban~, tax, taxes, taxed, debt,
        unlikely, question~, questionable, skeptical, sceptical, skepticism, concern~, concerned,
        concerns, delay~, regulation, regulations, regulators, speculation, speculative, gamble~,
        gambler, gamblers, gambling, casino, greed, greedy, dumb, annoying, annoyed, correction,
        corrections, dip, dips, dipping, red, tired, lost, lose, loses, overpriced, inflation,
        weird, sketchy, hidden, fees, fee, unknown, middleman, bots, bot
    """,
    -1.4: """
        bad, badly, worse, weak, weaker, weakest, weakness, fall~, falling, fell, fallen, down,
        drop~, dropped, dropping, sell~, sold, selling, seller, sellers, decline~, losing, loss,
        losses, loser, losers, short, shorts, shorting, shorted, resistance, overvalued, overbought,
        overhyped, fud, downgrade~, downside, negative, fail~, failure, failures, failing, fear~,
        fearful, afraid, scared, scary, scare~, worry~, worried, worries, risky, danger, dangerous,
        warn~, warning, trouble~, cut~, cutting, lawsuit, lawsuits, sue~, suing, sued, illegal,
        crime, crimes, criminal, criminals, stupid, idiot, idiots, idiotic, moron, morons, foolish,
        fool~, fools, suck~, hate~, hated, angry, anger, sad, disappoint~, disappointed,
        disappointing, disappointment, regret~, unsafe, toxic, stuck, broke, broken, poor, poorer,
        useless, pointless, waste~, wasted, nonsense, bs, bullshit, crap, crappy, garbage, trash,
        shit, shitty, shits, awful, terrible, terribly, horrible, horribly, ugly, nasty, gross,
        shady, suspicious, manipulate~, manipulated, manipulation, manipulative, manipulators, liar,
        liars, lie, lies, lying, lied, dead, die, dies, dying, died, kill~, hedgies, panic~,
        panicked, panicking, sink~, sank, tumble~, slump~, slide~, plunge~, slip~, layoff, layoffs,
        shill~, shills, shilled, shilling, bagholder, bagholders, bagholding, bags, dilute~,
        dilution, unprofitable, volatile, pain, painful, hurt~, hurts, suffer~, struggle~,
        underperform~, underweight, probe, investigation, investigated, subpoena, fined, tank~,
        tanked, tanking, bearmarket, downtrend, downturn, recession, depression, pessimistic,
        pessimism, damn, wtf, ruin~, gullible, naive, sheep, delusion, delusional, delusions, cope,
        coping, copium, bleed~, bled, bleeding, burned, burnt, punish~, ignorant,
        laughable, joke, jokes, pathetic, ridiculous, absurd, insolvency, meme, memes, shitcoins,
        hoax
    """,
    -2.0: """
        bear, bears, dump~, dumpster, dumper, crash~, crashing, crashed, collapse~,
        collapsing, collapsed, plummet~, nosedive~, freefall, capitulate~, capitulation, bubble,
        bubbles, worst, disaster, disasters, catastrophe, catastrophic, bankrupt, bankruptcy,
        insolvent, liquidate~, liquidated, liquidation, liquidations, hack~, hacked, hacker,
        hackers, exploit~, exploited, exploiter, stolen, steal~, steals, stealing, stole, theft,
        thief, thieves, shitcoin, scammy, fraudulent, delist~, delisted, delisting, halt~, halted,
        freeze~, frozen, froze, insider, launder~, laundering, worthless, doom, doomed, wreck~,
        destroy~, destroyed, toast, screwed, fucked, devastate~, devastated, devastating, implode~,
        implosion, depeg, depegged, depegging, unpeg, drain~, drained, cashgrab, trap, traps, fake,
        faked, corrupt, corruption, evil, predatory, honeypot, honeypots, misled, mislead~,
        misleading, deceive~, deception, selloff, ngmi, flop~, evaporate~, evaporated, vaporware,
        abandon~, abandoned
    """,
    -2.8: """
        bearish, scam, scams, scamming, scammed, scammer, scammers, scamcoin, ponzi, ponzis, pyramid, fraud,
        frauds, rug, rugs, rugged, rugging, rugpull, rugpulls, rugpulled, rekt, wrekt, wiped,
        obliterate~, obliterated, annihilate~, annihilated, swindle~, swindler, swindlers, grift,
        grifter, grifters, grifting, tulip, tulips, jpegs, apocalypse
    """,
}

PHRASES: dict[float, str] = {
    3.0: """
        to the moon, going to the moon, all time high, all time highs, new highs, diamond hands,
        diamond hand, buy the dip, buying the dip, bought the dip, buy the fear, buy this dip,
        buying this dip, buy dips, buy the blood, blood in the streets, bull run, bull market, buy
        the dips, send it, lets go, let's go, here to stay, loading up, load up, loaded up, short
        squeeze, back up the truck, few understand, have fun staying poor, price target raised,
        strong buy, no brainer, way undervalued, game changer, game changing, next leg up, face
        melting, gap up, going parabolic, number go up, massive gains, huge gains, life changing
    """,
    2.0: """
        going up, go up, goes up, went up, gone up, shoot up, keep buying, bottom is in, the bottom
        is in, bottomed out, on sale, double down, doubled down, buy more, bought more, buying more,
        buy low, buy in, time in the market, hold on, holding strong, hold strong, long term, stack
        sats, stacking sats, cheap coins, cheap sats, rate cut, rate cuts, etf approval, etf
        approved, legal tender, store of value, hedge against, digital gold, hard money, sound
        money, higher low, higher lows, higher high, higher highs, golden cross, dollar cost, dollar
        cost average, dollar cost averaging, in it for the long, never sell, never selling, not
        selling, won't sell, don't sell, dont sell, no reason to sell, all in, beats estimates, beat
        estimates, beats expectations, tops estimates, price target up, raises dividend, mass
        adoption, worth it, worth every, well done, good luck, can't go wrong, cant go wrong, bright
        future, the future, take off, takes off, taking off, turn around, looking good, looks good,
        thumbs up, make money, made money, making money, financial freedom, back up, not worried,
        don't panic, dont panic, stay calm, nothing to worry, no worries, coming back, come back,
        comes back, still early, we're early, we are early, get in now, dirt cheap, on the rise,
        can't wait, cant wait, pay off, pays off, paid off
    """,
    1.0: """
        pretty good, not bad, not too bad, could be worse, buy it, buy some, i'm in, im in, bear
        market is over, not dead, isn't dead, risk tolerance, stock up, free money
    """,
    0.0: """
        not financial advice, kind of like, long time, long ago, no longer, so long, as long, short
        term, short time, in short, hold me, on hold, put on hold, hold your horses, how long, too
        long, made up, make up, end up, ended up, ends up, ending up, show up, come up with, sign
        up, set up, look up, follow up, up to, up and down, grew up, shut up, wake up, look like,
        looks like, looking like, feel like, feels like, sounds like, seems like, something like,
        anything like, stuff like, things like, people like, would like, look into, like this, like
        that, like a, like it's, just like, down the road, calm down, write down, based on, bottom
        line, at least, no matter, no idea, no one, good morning, good night, best buy, best way,
        thank you, pump fun, crypto bull, real estate, real money, hard drive, a lot, your keys, not
        your keys, not your coins, ups and downs, real time, down to earth, cut off, a good idea to,
        is it good, good or bad, would be better, better than, high risk high reward, long story
        short, top 10, top 100, to be fair, not sure
    """,
    -1.0: """
        good thing, too good to be, sell high, take profits, taking profits, take profit, took
        profits, took profit, high fees, gas fees, high gas, be careful, not safe, stay away, not
        sure about, no thanks, no utility, no value, no use, too late, missed the boat, not buying,
        not gonna buy, won't buy, don't buy, dont buy, never buy, not invest, better off, used to
        be, supposed to, could have, should have sold, i wish, price target cut
    """,
    -2.0: """
        going down, go down, goes down, went down, gone down, come down, coming down, drop like,
        sell off, selling off, sell everything, sell it all, sold everything, cash out, cashed out,
        cashing out, get out, got out, getting out, pull out, bear market, bull trap, dead cat, dead
        cat bounce, death cross, head and shoulders, lower low, lower lows, lower high, lower highs,
        rate hike, rate hikes, interest rate hikes, double top, paper hands, paper hand, weak hands,
        bag holder, bag holders, bag holding, holding bags, holding the bag, left holding, catch a
        falling, falling knife, pump and dump, pump and dumps, pump n dump, misses estimates, missed
        estimates, price target lowered, cut to, cuts to, all time low, all time lows, new lows,
        blow up, blown up, blew up, blows up, no future, no hope, not worth, isn't worth, too good
        to be true, nothing but, lost money, losing money, lose money, lose all, lost all, lost
        everything, lose everything, losing everything, lost it all, cut losses, buy high sell low,
        sell the news, sell the rip, sell in may, smoke and mirrors, house of cards, greater fool,
        get rich quick, out of thin air, thin air, hot air, snake oil, red flag, red flags, run
        away, fell for, wake up call, wall street, no intrinsic, intrinsic value of zero, joke of,
        down bad, more pain, stop buying, over valued, not good, not great, fed up, gap down, margin
        call, margin calls, exit liquidity, exit scam, exit scams, money laundering, dirty money,
        climate change
    """,
    -3.2: """
        going to zero, go to zero, goes to zero, went to zero, going to 0, go to 0, goes to 0, to
        zero, to 0, rug pull, rug pulls, rug pulled, pulled the rug, ponzi scheme, ponzi schemes,
        pyramid scheme, pyramid schemes, wiped out, bank run, it's over, its over, it is over, game
        over, complete scam, total scam, waste of money, bubble burst, bubble pop, dead coin, dead
        project, bleed out, bleeding out, race to the bottom, death spiral, worth nothing, blood
        bath, under water
    """,
}

EMOJI: dict[float, str] = {
    3.0: """
        🚀 🌕 🌝 🌙 💎 🦍 🐂 📈 🤑 🏎
    """,
    1.8: """
        🔥 💰 💪 🙌 🎉 🥳 💵 💸 ⬆ 🟢 ✅ 🏆 🤩 😍 ❤ 💚 🐳 💯 👑 ⚡ 🌟 ⭐ 🔝 💥 🆙 🐮
    """,
    1.0: """
        👍 😀 😁 😃 😄 😊 😎 🙂 👏 🙏 🤝 👌 🍀 💙 🧡 ✨ 🥂 🍾 🤞 🫡 🌞
    """,
    -1.0: """
        🤔 😐 😕 🙄 😬 🤷 🤦 😅 ⚠ 🙁 ☹ 😟 🥱 🥶 ❌ 🧐
    """,
    -1.8: """
        📉 🐻 🔴 😭 😢 😡 😠 🤬 👎 😱 😨 😰 🩸 🤡 💩 🔻 ⬇ 🧻 😞 😔 😓 🆘 🚨 🥺 🤮 🤢 🗑 🐍
    """,
    -3.0: """
        💀 ☠ ⚰ 🪦 🪤 🧨
    """,
}

# What turns a word within reach around, and what a negation reaches over without counting it.
NEGATIONS = """
    not no never none nobody nothing neither nor without hardly barely scarcely cannot cant can't
    dont don't doesnt doesn't didnt didn't isnt isn't aint ain't arent aren't wasnt wasn't werent
    weren't wont won't wouldnt wouldn't shouldnt shouldn't couldnt couldn't havent haven't hasnt
    hasn't hadnt hadn't stop stopped quit zero nowhere lacks lack lacking unable refuse refuses
    instead avoid avoids
"""
STEPS_OVER = """
    going go goes gonna to the a an be been being is are was were it this that at any get getting
    really
"""

# How much a word right before another one strengthens or weakens it.
BOOSTS: dict[float, str] = {
    1.35: """
        very so extremely really super hella absolutely totally completely incredibly insanely
        massively hugely fucking fuckin freaking massive huge big biggest major seriously definitely
        certainly ultra mega insane most too heavily literally pure total complete utter strongly
        always truly highly way deeply such
    """,
    0.6: """
        slightly somewhat little bit maybe perhaps possibly kinda sorta fairly relatively partly
        barely might could may probably almost nearly if rarely sometimes occasionally less
        hopefully
    """,
}

# Where a negation's reach ends; after a word of TURNS a post says what it really means.
TURNS = "but however although though yet"
CLAUSE_ENDS = f". , ! ? ; : — – … {TURNS}"

# Names and tickers of coins that mean nothing else.
COINS = """
    btc xbt bitcoin bitcoins eth ethereum ether xrp ripple bnb sol solana doge dogecoin ada cardano
    trx tron ltc litecoin bch bsv chainlink polkadot avax matic polygon shib uniswap xmr monero
    xlm algo algorand hbar vechain vet filecoin tezos xtz aave aptos arbitrum pepe usdt usdc
    tether luna lunc ust cro cronos ftm fantom sats nano iota zcash kava osmo
"""
