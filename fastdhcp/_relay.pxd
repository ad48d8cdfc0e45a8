"""Option 82, what a relay agent says of a client: one walker, whoever reads it. Inline only.

Of repeats of a sub-option the first that is not empty counts, everywhere: for a client's key, for
reservations, in lists. What stands before a sub-option that runs past the end is good, the rest is
absent (RFC 3046 2.0).
"""

from libc.stdint cimport uint8_t

from fastdhcp._wire cimport (
    RELAY_CIRCUIT_ID, RELAY_FLAGS, RELAY_LINK_SELECTION, RELAY_REMOTE_ID, RELAY_SERVER_ID,
    RELAY_SOURCE_PORT, RELAY_SUBSCRIBER_ID, RELAY_VSS, Span,
)

cdef enum:
    SUB_OPTION_HEAD = 2      # code and length


# What is looked at; at = NULL: absent. Most messages have no more than the first three.
cdef struct RelayInfo:
    Span circuit_id          # 82.1
    Span remote_id           # 82.2
    Span subscriber_id       # 82.6
    bint more                # there are others; without them the following is not set
    bint source_port         # 82.19 (RFC 8357) has no content: being there says it
    Span link_selection      # 82.5
    Span flags               # 82.10
    Span server_override     # 82.11
    Span vss                 # 82.151


# The next sub-option; `left` is cut by it. False: there is none that is whole.
cdef inline bint relay_next(Span* left, uint8_t* code, Span* value) noexcept nogil:
    if left.len < SUB_OPTION_HEAD or left.len - SUB_OPTION_HEAD < left.at[1]:
        return False
    code[0] = left.at[0]
    value[0] = Span(left.at + SUB_OPTION_HEAD, left.at[1])
    left[0] = Span(value.at + value.len, left.len - SUB_OPTION_HEAD - value.len)
    return True


cdef inline void relay_take(Span* place, Span value) noexcept nogil:
    if value.len and place.at == NULL:
        place[0] = value


cdef inline void relay_read_more(RelayInfo* out, Span option) noexcept nogil:
    cdef Span value
    cdef uint8_t code
    out.link_selection = out.flags = out.server_override = out.vss = Span(NULL, 0)
    out.source_port = False
    while relay_next(&option, &code, &value):
        if code == RELAY_LINK_SELECTION:
            relay_take(&out.link_selection, value)
        elif code == RELAY_FLAGS:
            relay_take(&out.flags, value)
        elif code == RELAY_SERVER_ID:
            relay_take(&out.server_override, value)
        elif code == RELAY_SOURCE_PORT:
            out.source_port = True
        elif code == RELAY_VSS:
            relay_take(&out.vss, value)


cdef inline void relay_read(RelayInfo* out, Span option) noexcept nogil:
    cdef Span left = option
    cdef Span value
    cdef uint8_t code
    out.circuit_id = out.remote_id = out.subscriber_id = Span(NULL, 0)
    out.more = False
    while relay_next(&left, &code, &value):
        if code == RELAY_CIRCUIT_ID:
            relay_take(&out.circuit_id, value)
        elif code == RELAY_REMOTE_ID:
            relay_take(&out.remote_id, value)
        elif code == RELAY_SUBSCRIBER_ID:
            relay_take(&out.subscriber_id, value)
        else:
            out.more = True
    if out.more:
        relay_read_more(out, option)
