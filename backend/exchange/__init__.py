"""Files in other programs' formats: traces and problem sets in, annotated texts in and out.

Nothing here touches the database, grades answers or finds cues.
"""
