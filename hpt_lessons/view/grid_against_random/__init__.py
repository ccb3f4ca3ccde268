"""Grid against random: who wins, how often?"""
