// touch FILE: the physical limit that a sensor is measured against. It reads every captured byte
// through libpcap and adds it up, and does nothing else.
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct totals {
    uint64_t packets, bytes, sum;
};

// Adds up words of eight bytes, then the rest byte by byte: as fast as memory can be read.
static uint64_t add_all(const u_char *bytes, uint32_t length) {
    uint64_t sum = 0, word;
    uint32_t at = 0;
    for (; at + sizeof word <= length; at += sizeof word) {
        memcpy(&word, bytes + at, sizeof word);
        sum += word;
    }
    for (; at < length; at++) sum += bytes[at];
    return sum;
}

static void packet(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes) {
    struct totals *totals = (struct totals *)user;
    totals->packets++;
    totals->bytes += header->caplen;
    totals->sum += add_all(bytes, header->caplen);
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: touch FILE\n");
        return 2;
    }
    char error[PCAP_ERRBUF_SIZE];
    pcap_t *capture = pcap_open_offline(arguments[1], error);
    if (!capture) {
        fprintf(stderr, "touch: %s\n", error);
        return 1;
    }
    struct totals totals = {0};
    if (pcap_loop(capture, -1, packet, (u_char *)&totals) == PCAP_ERROR) {
        fprintf(stderr, "touch: %s\n", pcap_geterr(capture));
        return 1;
    }
    pcap_close(capture);
    printf("%" PRIu64 " packets, %" PRIu64 " bytes, sum %016" PRIx64 "\n", totals.packets, totals.bytes,
           totals.sum);
    return 0;
}
