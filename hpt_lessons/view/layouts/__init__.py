"""The layout editor: where do the trials go?"""
