"""Real data from files: public dumps fetched and checked, and files of others read into sessions."""
