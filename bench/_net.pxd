"""What the kernel offers for trains of datagrams, as C declares it."""

from libc.stdint cimport uint16_t, uint32_t
from posix.time cimport timespec

cdef extern from "<sys/uio.h>" nogil:
    struct iovec:
        void* iov_base
        size_t iov_len

cdef extern from "<sys/socket.h>" nogil:
    enum:
        MSG_DONTWAIT
        MSG_WAITFORONE
        MSG_NOSIGNAL
        MSG_TRUNC
        AF_INET

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

    cmsghdr* CMSG_FIRSTHDR(msghdr* message)
    cmsghdr* CMSG_NXTHDR(msghdr* message, cmsghdr* control)
    unsigned char* CMSG_DATA(cmsghdr* control)
    size_t CMSG_LEN(size_t size)

cdef extern from "<netinet/in.h>" nogil:
    struct in_addr:
        uint32_t s_addr

    struct sockaddr_in:
        uint16_t sin_family
        uint16_t sin_port
        in_addr sin_addr

    uint32_t htonl(uint32_t value)
    uint16_t htons(uint16_t value)

cdef extern from "<netinet/udp.h>" nogil:
    enum:
        SOL_UDP
        UDP_SEGMENT
        UDP_GRO

cdef extern from "<poll.h>" nogil:
    enum:
        POLLIN

    struct pollfd:
        int fd
        short events
        short revents

    int ppoll(pollfd* fds, unsigned long count, const timespec* timeout, const void* mask)
