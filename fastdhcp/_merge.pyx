"""The conflict rule of a failover pair, case by case."""

from collections import namedtuple

from libc.stdint cimport uint8_t
from libc.string cimport memcmp, memcpy, memset

from fastdhcp._leases cimport (
    FREE, KEY_SIZE, PENDING, RECORD_OVERRIDE, RECORD_PEER, RECORD_PROPOSED, RECORD_RELEASED,
    RECORD_RESERVED, RECORD_WHY, WHY_EXPIRED, WHY_RELEASED, Record,
)
from fastdhcp._wire cimport HLEN_MAX

cdef enum:
    OF_STATE = RECORD_RELEASED | RECORD_PROPOSED | RECORD_WHY
    OF_DETAILS = RECORD_RESERVED | RECORD_OVERRIDE


# ---- words of the rule

cdef inline int compare(const Record* a, const Record* b) noexcept nogil:
    if a.inc_epoch != b.inc_epoch:
        return 1 if a.inc_epoch > b.inc_epoch else -1
    return (a.inc_n > b.inc_n) - (a.inc_n < b.inc_n)


cdef inline bint is_proposed(const Record* r) noexcept nogil:
    return r.state == PENDING and r.flags & RECORD_PROPOSED


cdef inline bint holds(const Record* r) noexcept nogil:
    return r.state != FREE and not is_proposed(r)


# A client may have been promised what the home does not know: no proposal of it is agreed to.
cdef inline bint is_unheard(const Record* record, const Stance* my) noexcept nogil:
    return holds(record) and not my.peer_has_it


# A reserved address belongs to its reservation: another key of the same hardware (PXE, then the
# system) is no other client.
cdef inline bint is_same_client(const Record* a, const Record* b) noexcept nogil:
    if a.flags & b.flags & RECORD_RESERVED and a.hlen and a.hlen == b.hlen and a.htype == b.htype:
        if memcmp(a.chaddr, b.chaddr, HLEN_MAX) == 0:
            return True
    return memcmp(a.key, b.key, KEY_SIZE) == 0


cdef inline void as_mine(Merged* out) noexcept nogil:
    out.write = MERGE_MINE
    out.flags &= ~<uint8_t>RECORD_PEER


cdef inline void as_peers(Merged* out) noexcept nogil:
    out.write = MERGE_PEERS
    out.flags |= RECORD_PEER


cdef inline void set_state(Merged* out, uint8_t state, uint8_t flags) noexcept nogil:
    out.state = state
    out.flags = (out.flags & ~<uint8_t>OF_STATE) | (flags & OF_STATE)


# Those of the newer client transaction. Of the same second: the update's if the peer made it upon
# what I have; if the two crossed, the home's.
cdef inline void choose_details(const Record* record, const Record* update, const Stance* my,
                                Merged* out) noexcept nogil:
    cdef bint crossed = not my.peer_has_it
    if update.cltt > record.cltt or (update.cltt == record.cltt and not (crossed and my.home)):
        out.details = True
        out.flags = (out.flags & ~<uint8_t>OF_DETAILS) | (update.flags & OF_DETAILS)


# A free record's expiry is when its last binding ended.
cdef inline void set_free(const Record* record, uint8_t why, const Stance* my,
                          Merged* out) noexcept nogil:
    set_state(out, FREE, why | (RECORD_RELEASED if why == WHY_RELEASED else 0))
    out.expiry = min(record.expiry, my.now)


# ---- another incarnation

# What the peer has not heard stays a change of mine: else I would agree to the next proposal, and
# only the agreement might be sent.
cdef void take_newer(const Record* record, const Record* update, const Stance* my,
                     Merged* out) noexcept nogil:
    cdef bint same = is_same_client(record, update)
    cdef bint both_hold = same and holds(record) and holds(update)
    if is_proposed(update) and same and is_unheard(record, my):
        out.row = ROW_REFUSE
        as_mine(out)
        return
    out.row = ROW_NEWER
    out.state = update.state
    out.flags = update.flags
    out.inc_epoch = update.inc_epoch
    out.inc_n = update.inc_n
    out.expiry = min(update.expiry, my.now) if update.state == FREE else update.expiry
    out.details = True
    out.acked = False
    as_peers(out)
    if both_hold and (record.expiry > update.expiry or not my.peer_has_it):
        out.row = ROW_NEWER_OVER_MINE
        out.expiry = max(record.expiry, update.expiry)
        as_mine(out)
    elif not same and holds(record) and my.now < record.expiry:
        out.alarm = ALARM_REPLACED


cdef void hear_older(const Record* record, const Record* update, const Stance* my,
                     Merged* out) noexcept nogil:
    out.row = ROW_OLDER
    if record.state == FREE or not holds(update) or not is_same_client(record, update):
        return
    if is_proposed(record):
        out.row = ROW_OLDER_REVIVES
        live_on(record, update, my, out)
        return
    out.row = ROW_OLDER_HELD
    if update.expiry > record.expiry:
        out.expiry = update.expiry
        as_mine(out)


# ---- the same incarnation

# Either node may raise, end and decline, so what both did counts.
cdef void unite(const Record* record, const Record* update, const Stance* my,
                Merged* out) noexcept nogil:
    cdef uint8_t why = max(record.flags & RECORD_WHY, update.flags & RECORD_WHY)
    cdef bint adds, is_all
    out.row = ROW_BOTH_HOLD
    set_state(out, max(record.state, update.state), why)    # ACTIVE, then ended, then DECLINED
    out.expiry = max(record.expiry, update.expiry)
    choose_details(record, update, my, out)
    adds = (out.details or out.state != record.state or why != record.flags & RECORD_WHY
            or out.expiry != record.expiry)
    is_all = (out.state == update.state and why == update.flags & RECORD_WHY
              and out.expiry == update.expiry and update.cltt >= record.cltt)
    if not adds:
        return
    # Times grow by the transit. Were it a change of mine at the home too, two changes that cross
    # would answer each other for ever.
    if my.peer_has_it or (my.home and is_all):
        as_peers(out)
    else:
        as_mine(out)


# The peer proposes. An answer is a change, so that it is not lost with the session.
cdef void hear_proposal(const Record* record, const Record* update, const Stance* my,
                        Merged* out) noexcept nogil:
    cdef uint8_t why = update.flags & RECORD_WHY
    cdef bint refuses = (my.home or my.now < my.no_alloc_until
                         or is_unheard(record, my)
                         or (why == WHY_EXPIRED and my.now < record.expiry))
    if record.state == FREE:
        out.row = ROW_AGREE_AGAIN
        if my.now >= my.no_alloc_until:
            as_mine(out)
    elif not refuses:
        out.row = ROW_AGREE
        set_free(record, why, my, out)
        as_mine(out)
    else:
        out.row = ROW_REFUSE
        if holds(record):
            as_mine(out)


# The peer holds what is proposed here. What was proposed never lives again under its incarnation:
# an answer that is under way must find nothing to match. Whoever is not the home any more makes
# none, and says what it heard.
cdef void live_on(const Record* record, const Record* update, const Stance* my,
                  Merged* out) noexcept nogil:
    set_state(out, update.state, update.flags)
    out.expiry = max(record.expiry, update.expiry)
    choose_details(record, update, my, out)
    if my.home:
        out.inc_epoch = max(my.epoch, record.inc_epoch)
        out.inc_n = record.inc_n + 1
        out.acked = False
    as_mine(out)


cdef void hear_free(const Record* record, const Record* update, const Stance* my,
                    Merged* out) noexcept nogil:
    if record.state == FREE:
        out.row = ROW_BOTH_FREE
    elif not my.home:
        out.row = ROW_FREED
        if not is_unheard(record, my):
            set_free(record, update.flags & RECORD_WHY, my, out)
            as_peers(out)
    elif is_proposed(record):
        out.row = ROW_PEER_AGREED
        set_free(record, record.flags & RECORD_WHY, my, out)
        as_mine(out)
    else:
        out.row = ROW_IMPOSSIBLE
        out.alarm = ALARM_LOST


cdef void merge_update(const Record* record, const Record* update, const Stance* my,
                       Merged* out) noexcept nogil:
    cdef int order = compare(update, record)
    memset(out, 0, sizeof(Merged))
    out.state = record.state
    out.flags = record.flags
    out.inc_epoch = record.inc_epoch
    out.inc_n = record.inc_n
    out.expiry = record.expiry
    out.acked = True
    if order > 0:
        take_newer(record, update, my, out)
    elif order < 0:
        hear_older(record, update, my, out)
    elif update.state == FREE:
        hear_free(record, update, my, out)
    elif is_proposed(update):
        hear_proposal(record, update, my, out)
    elif record.state == FREE:
        out.row = ROW_IMPOSSIBLE
        out.alarm = ALARM_LOST
    elif is_proposed(record):
        out.row = ROW_REVIVE
        live_on(record, update, my, out)
    else:
        unite(record, update, my, out)


# ---- for tests

Side = namedtuple("Side", "state flags inc expiry cltt key chaddr", defaults=(b"",))
Outcome = namedtuple("Outcome", "write row alarm state flags inc expiry details acked")


cdef void read_side(object side, Record* r) except *:
    cdef bytes key = side.key
    cdef bytes chaddr = side.chaddr
    memset(r, 0, sizeof(Record))
    r.state = side.state
    r.flags = side.flags
    r.inc_epoch, r.inc_n = side.inc
    r.expiry = side.expiry
    r.cltt = side.cltt
    r.hlen = <uint8_t>min(len(chaddr), HLEN_MAX)
    memcpy(r.key, <const char*>key, min(len(key), KEY_SIZE))
    memcpy(r.chaddr, <const char*>chaddr, r.hlen)


def merge(record, update, *, now, epoch, home, peer_has_it, no_alloc_until=0):
    """What the peer's update makes of my record: two Sides, and where I stand."""
    cdef Record mine, peers
    cdef Stance my
    cdef Merged out
    read_side(record, &mine)
    read_side(update, &peers)
    my.now = now
    my.no_alloc_until = no_alloc_until
    my.epoch = epoch
    my.home = home
    my.peer_has_it = peer_has_it
    merge_update(&mine, &peers, &my, &out)
    return Outcome(MergeWrite(out.write), MergeRow(out.row), MergeAlarm(out.alarm), out.state,
                   out.flags, (out.inc_epoch, out.inc_n), out.expiry, bool(out.details),
                   bool(out.acked))
