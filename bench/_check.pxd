"""What an answer must be, and what becomes of the client that it is for. Inline only.

An answer that is not for the exchange under way is counted and left; one that is, goes on with it
whatever else is wrong with it, so that one mistake is counted once.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcmp, memcpy

from bench._histogram cimport Histogram, histogram_add
from bench._messages cimport (
    CIRCUIT_ID_SIZE_MAX, CLIENT_ID_SIZE, Answer, answer_read, client_id_of, relay_info_of,
)
from bench._owners cimport NOBODY, owners_get, owners_set
from bench._state cimport (
    COUNT_DUPLICATES, COUNT_LATE, COUNT_REASSIGNED, ERROR_ADDRESS_CHANGED, ERROR_ADDRESS_MOVED,
    ERROR_ADDRESS_TWICE, ERROR_MALFORMED, ERROR_NAK, ERROR_NAK_WITH_LEASE, ERROR_NO_ADDRESS,
    ERROR_NO_LEASE_TIME, ERROR_NO_SERVER_ID, ERROR_OFFER_TWICE, ERROR_SURPLUS_ANSWER,
    ERROR_WRONG_CHADDR, ERROR_WRONG_CIADDR, ERROR_WRONG_CLIENT_ID, ERROR_WRONG_GIADDR,
    ERROR_WRONG_OPTION, ERROR_WRONG_RELAY_INFO, ERROR_WRONG_SERVER_ID, ERROR_WRONG_TYPE,
    ERROR_WRONG_XID, EXAMPLE_SIZE, GIVEN_UP, IDLE, MESSAGE_TYPES, REBOOTING, RENEWING, REQUESTING,
    SELECTING, Client, Machine, Slot,
)
from bench._window cimport client_finish, client_send, client_unbind, lease_end_ns
from fastdhcp._wire cimport ACK, NAK, OFFER


# Counts an error; the first answer of each kind is kept to be looked at.
cdef inline void machine_error(
    Machine* m, int kind, const uint8_t* at, uint32_t size,
) noexcept nogil:
    if m.errors[kind] == 0:
        m.examples[kind].size = min(size, <uint32_t>EXAMPLE_SIZE)
        memcpy(m.examples[kind].octets, at, m.examples[kind].size)
    m.errors[kind] += 1


cdef inline bint _echoes_relay_info(
    const Machine* m, uint32_t client, const Answer* answer,
) noexcept nogil:
    cdef uint8_t wanted[2 + CIRCUIT_ID_SIZE_MAX]
    cdef uint32_t size = 2 + <uint32_t>m.form.circuit_id_size
    if not m.form.circuit_id_size:
        return answer.relay_info.at == NULL
    relay_info_of(&m.form, client, wanted)
    return (answer.relay_info.len == size and answer.relay_info_last
            and memcmp(answer.relay_info.at, wanted, size) == 0)


cdef inline bint _echoes_client_id(
    const Machine* m, uint32_t client, const Answer* answer,
) noexcept nogil:
    cdef uint8_t wanted[CLIENT_ID_SIZE]
    if answer.client_id.at == NULL:     # RFC 2131 forbade it before RFC 6842 asked for it
        return True
    client_id_of(&m.form, client, wanted)
    return (m.form.client_id and answer.client_id.len == CLIENT_ID_SIZE
            and memcmp(answer.client_id.at, wanted, CLIENT_ID_SIZE) == 0)


# Another client's lease of `address` is still running.
cdef inline bint _held_by_another(Machine* m, uint32_t address, uint32_t client) noexcept nogil:
    cdef uint32_t owner = owners_get(&m.owners, address)
    return (owner != NOBODY and owner != client
            and lease_end_ns(&m.clients[owner]) > m.now_ns + m.wall_ns)


# What holds for every OFFER and ACK. Returns the first thing wrong with it, or -1.
cdef inline int _check_lease(Machine* m, uint32_t client, const Answer* answer) noexcept nogil:
    if answer.server_id == 0:
        return ERROR_NO_SERVER_ID
    if answer.lease_s == 0:
        return ERROR_NO_LEASE_TIME
    if answer.yiaddr == 0:
        return ERROR_NO_ADDRESS
    if not _echoes_relay_info(m, client, answer):
        return ERROR_WRONG_RELAY_INFO
    if not _echoes_client_id(m, client, answer):
        return ERROR_WRONG_CLIENT_ID
    if answer.expected_count != m.expected.count:
        return ERROR_WRONG_OPTION
    return -1


cdef inline int _check_offer(Machine* m, uint32_t client, const Answer* answer) noexcept nogil:
    if answer.ciaddr:
        return ERROR_WRONG_CIADDR
    if _held_by_another(m, answer.yiaddr, client):
        return ERROR_OFFER_TWICE
    if m.inquire and m.clients[client].address not in (0, answer.yiaddr):
        return ERROR_ADDRESS_MOVED      # RFC 2131 4.3.1: the client's current address comes first
    return _check_lease(m, client, answer)


cdef inline int _check_ack(Machine* m, uint32_t index, const Answer* answer) noexcept nogil:
    cdef Client* client = &m.clients[index]
    cdef int wrong = _check_lease(m, index, answer)
    if wrong >= 0:
        return wrong
    if answer.ciaddr and (client.step != RENEWING or answer.ciaddr != client.address):
        return ERROR_WRONG_CIADDR
    if client.step == REQUESTING and answer.server_id != client.server_id:
        return ERROR_WRONG_SERVER_ID
    if answer.yiaddr != client.asked:
        return ERROR_ADDRESS_CHANGED
    if _held_by_another(m, answer.yiaddr, index):
        return ERROR_ADDRESS_TWICE
    if (client.address and client.address != answer.yiaddr
            and lease_end_ns(client) > m.now_ns + m.wall_ns):
        return ERROR_ADDRESS_MOVED
    return -1


cdef inline void _bind(Machine* m, uint32_t index, const Answer* answer) noexcept nogil:
    cdef Client* client = &m.clients[index]
    cdef uint32_t owner
    if client.address != answer.yiaddr:
        client_unbind(m, index)
        client.address = answer.yiaddr
        m.bound += answer.yiaddr != 0
    if answer.yiaddr and not _held_by_another(m, answer.yiaddr, index):
        owner = owners_get(&m.owners, answer.yiaddr)
        if owner != NOBODY and owner != index:
            client_unbind(m, owner)
            m.counts[COUNT_REASSIGNED] += 1
        owners_set(&m.owners, answer.yiaddr, index)
    client.server_id = answer.server_id
    client.lease_s = answer.lease_s
    client.acked_ns = m.now_ns + m.wall_ns
    client.acked = True


# Of an exchange that began before the counts were cleared the time tells of the warm-up.
cdef inline void _time(const Machine* m, const Slot* slot, Histogram* histogram,
                       int64_t since_ns) noexcept nogil:
    if slot.started_ns >= m.cleared_ns:
        histogram_add(histogram, m.now_ns - since_ns)


cdef inline void _offer(Machine* m, uint32_t index, const Answer* answer) noexcept nogil:
    cdef Client* client = &m.clients[index]
    cdef Slot* slot = &m.slots[client.slot]
    _time(m, slot, &m.offer, slot.asked_ns)
    if m.inquire and client.address:
        _time(m, slot, &m.exchange, slot.started_ns)
        client_finish(m, index, True)
        return
    client.asked = answer.yiaddr
    client.server_id = answer.server_id
    client.step = REQUESTING
    client.tries = 0
    slot.asked_ns = m.now_ns
    client_send(m, index)


cdef inline int _acknowledged(Machine* m, uint32_t index, const Answer* answer) noexcept nogil:
    cdef Slot* slot = &m.slots[m.clients[index].slot]
    cdef int wrong = _check_ack(m, index, answer)
    _time(m, slot, &m.ack, slot.asked_ns)
    _time(m, slot, &m.exchange, slot.started_ns)
    _bind(m, index, answer)
    client_finish(m, index, True)
    return wrong


cdef inline int _refused(Machine* m, uint32_t index, const Answer* answer) noexcept nogil:
    client_unbind(m, index)
    client_finish(m, index, False)
    if answer.yiaddr or answer.ciaddr or answer.lease_s:
        return ERROR_NAK_WITH_LEASE
    if answer.server_id == 0:
        return ERROR_NO_SERVER_ID
    return ERROR_NAK


cdef inline int _not_owed(const Client* client, const Answer* answer) noexcept nogil:
    if client.step == SELECTING and answer.type != OFFER:
        return ERROR_WRONG_TYPE         # no REQUEST was sent yet
    if client.step in (RENEWING, REBOOTING) and answer.type == OFFER:
        return ERROR_WRONG_TYPE
    return ERROR_SURPLUS_ANSWER


# The exchange is over. An ACK that comes after the last try was given up still states a lease,
# which the server must keep: it is taken.
cdef inline void _too_late(Machine* m, uint32_t index, const Answer* answer) noexcept nogil:
    cdef Client* client = &m.clients[index]
    if client.step != GIVEN_UP:
        m.counts[COUNT_DUPLICATES] += 1
        return
    m.counts[COUNT_LATE] += 1
    if answer.type == ACK and answer.yiaddr == client.asked:
        _bind(m, index, answer)
        client.step = IDLE


# An answer with the xid of the exchange under way, or of the one just ended.
cdef inline int _present(Machine* m, uint32_t index, const Answer* answer) noexcept nogil:
    cdef Client* client = &m.clients[index]
    cdef uint8_t* owed
    if answer.type not in (OFFER, ACK, NAK):
        return ERROR_WRONG_TYPE
    owed = &client.owed_offers if answer.type == OFFER else &client.owed_acks
    if owed[0] == 0:
        return _not_owed(client, answer)
    owed[0] -= 1
    if client.slot == 0:
        _too_late(m, index, answer)
        return -1
    if (answer.type == OFFER) != (client.step == SELECTING):
        m.counts[COUNT_DUPLICATES] += 1
        return -1
    if answer.type == OFFER:
        _offer(m, index, answer)
        return _check_offer(m, index, answer)
    if answer.type == ACK:
        return _acknowledged(m, index, answer)
    return _refused(m, index, answer)


cdef inline int _judge(Machine* m, const Answer* answer) noexcept nogil:
    cdef uint32_t index = answer.number - m.form.first
    cdef Client* client
    if not answer.ethernet or index >= m.clients_count:
        return ERROR_WRONG_CHADDR
    client = &m.clients[index]
    if answer.giaddr != m.relay + client.relay:
        return ERROR_WRONG_GIADDR
    if client.exchanges and answer.xid == client.xid:
        return _present(m, index, answer)
    if client.exchanges < 2 or answer.xid != client.xid_before:
        return ERROR_WRONG_XID
    if client.owed_before == 0:
        return ERROR_SURPLUS_ANSWER
    client.owed_before -= 1
    m.counts[COUNT_LATE] += 1
    return -1


cdef inline void machine_answer(Machine* m, const uint8_t* at, uint32_t size) noexcept nogil:
    cdef Answer answer
    cdef int wrong
    if not answer_read(&answer, at, size, &m.expected) or answer.type == 0:
        machine_error(m, ERROR_MALFORMED, at, size)
        return
    m.received[answer.type if answer.type < MESSAGE_TYPES else 0] += 1
    wrong = _judge(m, &answer)
    if wrong >= 0:
        machine_error(m, wrong, at, size)
