"""What libc and Linux offer and Cython does not declare: every extern of C stands here.

The names are those of the man pages. `extern` declarations cost nothing where they are not used.
"""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t
from posix.time cimport timespec

# ---- sockets: socket(7), udp(7), ip(7), packet(7); with _GNU_SOURCE, which Python.h defines

cdef extern from "<sys/uio.h>" nogil:
    struct iovec:
        void* iov_base
        size_t iov_len

cdef extern from "<sys/socket.h>" nogil:
    enum:
        AF_INET
        AF_PACKET
        MSG_DONTWAIT
        MSG_NOSIGNAL
        MSG_TRUNC
        MSG_WAITFORONE
        SOL_SOCKET
    struct msghdr:
        void* msg_name
        uint32_t msg_namelen
        iovec* msg_iov
        size_t msg_iovlen
        void* msg_control
        size_t msg_controllen
        int msg_flags
    struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    struct cmsghdr:
        size_t cmsg_len
        int cmsg_level
        int cmsg_type
    ssize_t sendmsg(int fd, const msghdr* message, int flags)
    int sendmmsg(int fd, mmsghdr* messages, unsigned int count, int flags)
    int recvmmsg(int fd, mmsghdr* messages, unsigned int count, int flags, timespec* timeout)
    cmsghdr* CMSG_FIRSTHDR(const msghdr* message)
    cmsghdr* CMSG_NXTHDR(msghdr* message, cmsghdr* before)
    uint8_t* CMSG_DATA(cmsghdr* head)
    size_t CMSG_LEN(size_t size)

cdef extern from "<asm/socket.h>" nogil:
    enum: SO_TIMESTAMPNS

cdef extern from "<netinet/in.h>" nogil:
    enum:
        IPPROTO_IP
        IP_PKTINFO
    struct in_addr:
        uint32_t s_addr
    struct sockaddr_in:
        uint16_t sin_family
        uint16_t sin_port
        in_addr sin_addr
    struct in_pktinfo:
        int ipi_ifindex
        in_addr ipi_spec_dst
        in_addr ipi_addr
    uint16_t htons(uint16_t value)
    uint16_t ntohs(uint16_t value)
    uint32_t htonl(uint32_t value)
    uint32_t ntohl(uint32_t value)

cdef extern from "<netinet/udp.h>" nogil:
    enum:
        SOL_UDP
        UDP_SEGMENT
        UDP_GRO

cdef extern from "<linux/if_packet.h>" nogil:
    struct sockaddr_ll:
        uint16_t sll_family
        uint16_t sll_protocol
        int32_t sll_ifindex
        uint16_t sll_hatype
        uint8_t sll_pkttype
        uint8_t sll_halen
        uint8_t sll_addr[8]

# ---- waiting: poll(2), eventfd(2)

cdef extern from "<poll.h>" nogil:
    enum:
        POLLIN
        POLLOUT
    struct pollfd:
        int fd
        short events
        short revents
    int poll(pollfd* fds, unsigned long count, int timeout_ms)
    int ppoll(pollfd* fds, unsigned long count, const timespec* timeout, const void* mask)

cdef extern from "<unistd.h>" nogil:
    ssize_t read(int fd, void* at, size_t size)
    ssize_t write(int fd, const void* at, size_t size)

# ---- time, memory, signals: clock_gettime(2), sched_yield(2), prctl(2), madvise(2), kill(2)

cdef extern from "<time.h>" nogil:
    enum: CLOCK_BOOTTIME

cdef extern from "<sched.h>" nogil:
    enum: SCHED_OTHER
    int sched_yield()

cdef extern from "<sys/prctl.h>" nogil:
    enum: PR_SET_TIMERSLACK
    int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)

# sched_setattr(2) is a function of libc since glibc 2.41 only.
cdef extern from "<sys/syscall.h>" nogil:
    enum:
        SYS_sched_getattr
        SYS_sched_setattr

cdef extern from "<unistd.h>" nogil:
    long syscall(long number, ...)

cdef extern from "<sys/mman.h>" nogil:
    int madvise(void* at, size_t size, int advice)

cdef extern from "<signal.h>" nogil:
    int kill(int pid, int number)
