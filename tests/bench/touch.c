// The physical limit: reads every captured byte of a file once through libpcap, and does nothing else.
// Usage: touch FILE
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct sum {
    uint64_t packets, bytes, words;
};

static void add(u_char *user, const struct pcap_pkthdr *header, const u_char *data)
{
    struct sum *sum = (struct sum *)user;
    bpf_u_int32 at = 0;
    uint64_t word;
    for (; at + sizeof word <= header->caplen; at += sizeof word) {
        memcpy(&word, data + at, sizeof word);
        sum->words += word;
    }
    for (; at < header->caplen; at++)
        sum->words += data[at];
    sum->packets++;
    sum->bytes += header->caplen;
}

int main(int count, char **arguments)
{
    char problem[PCAP_ERRBUF_SIZE];
    struct sum sum = {0, 0, 0};
    pcap_t *file = count == 2 ? pcap_open_offline(arguments[1], problem) : NULL;
    if (file == NULL) {
        fprintf(stderr, "%s\n", count == 2 ? problem : "usage: touch FILE");
        return 1;
    }
    pcap_loop(file, -1, add, (u_char *)&sum);
    // The sum of the words is printed so that no compiler leaves the reading out.
    printf("%ju packets %ju bytes %jx\n", (uintmax_t)sum.packets, (uintmax_t)sum.bytes, (uintmax_t)sum.words);
    return 0;
}
