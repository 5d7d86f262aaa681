"""The limits of what one answer of an API server may be: beyond them the server is broken, or hostile.

An object in etcd is at most 1.5 MiB (``--max-request-bytes``) and was written with a request of
at most 3 MiB; as JSON, a stored one is seldom twice that. All bounds are far above what is
in order, packed or not, and low enough for the memory and the event loop of this process.
"""

# A single object or event.
OBJECT_BYTES = 16 * 1024 * 1024
# Any answer but a list: the largest are discoveries, with some 600 bytes for each resource.
ANSWER_BYTES = 8 * 1024 * 1024
# A page of a list. One of 500 objects that is longer is asked for again in smaller pages.
PAGE_BYTES = 128 * 1024 * 1024
# What is read of an answer that is an error, and for how long; a Status has some hundred bytes.
ERROR_BYTES = 64 * 1024
ERROR_SECONDS = 5.0
# A whole list. Kubernetes is made for 150,000 pods; etcd holds at most 8 GiB of everything.
LIST_OBJECTS = 1_000_000
LIST_BYTES = 4 * 1024**3
# A page that is not the last holds as many objects as were asked for; aggregated APIs may differ.
SHORT_PAGES = 100
# An event is written at once; it may be on its way for a while.
EVENT_SECONDS = 60.0
# By how much a watch may outlast the time that was asked for.
OVERTIME_SECONDS = 60.0
# What an exec plugin may write: certificates and their key have some KB.
PLUGIN_BYTES = 1024 * 1024
