"""What people read: pages, tear sheets, pictures and sentences, made from records alone.

Nothing here computes a result; what is not in a record is not shown.
"""
