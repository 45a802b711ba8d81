"""This room makes what people read: pages, tear sheets, pictures and sentences, from records alone.

Nothing here computes a result; what is not in a record is not shown.
"""
