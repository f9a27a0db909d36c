/* A PKCS#11 module that stands in front of another one and makes it fail on demand.
 *
 * FAULT_MODULE names the real module, FAULT_FILE the orders, FAULT_LOG where every call is written. Orders are
 * read at each call, one a line:
 *   fail C_Sign 50      do not call, return this value
 *   hang C_Sign         do not call, wait until the order is gone
 *   flip C_Sign         call, then turn one bit of what the call wrote
 *   flip C_Sign 3309    the same if it wrote so many bytes
 *   short C_Sign        call, then report one byte less
 *   late C_Sign         wait until the order is gone, then call
 *   first 7             fail and hang only calls whose first word, slot or session, is this
 *   from 3              not before the third call of a function in this process
 *   only 3              at the third call of a function in this process, and at no other
 *   long C_GetAttributeValue  call, then claim 2^63 bytes where a length was asked for
 *   flags 262144        set these bits in CK_TOKEN_INFO.flags
 *   clock 1             claim a clock in CK_TOKEN_INFO that shows no time
 *
 * All functions of PKCS#11 2.40 take at most eight words, so one trampoline fits them all: the calling
 * conventions of x86-64 and arm64 ignore words that the callee does not ask for.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long word;
typedef word (*function)(word, word, word, word, word, word, word, word);

enum { FUNCTIONS = 68, ALL_FUNCTIONS = 104, GET_FUNCTION_LIST = 3, GET_TOKEN_INFO = 6, GET_ATTRIBUTE_VALUE = 24, DECRYPT = 34, SIGN = 43 };
enum { CLOCK_ON_TOKEN = 0x40 };

/* Of the functions that PKCS#11 3.0 and 3.2 added, those that are used. */
enum { DECAPSULATE = 93 };

static const char *const NAMES[ALL_FUNCTIONS] = {
    "C_Initialize", "C_Finalize", "C_GetInfo", "C_GetFunctionList", "C_GetSlotList", "C_GetSlotInfo",
    "C_GetTokenInfo", "C_GetMechanismList", "C_GetMechanismInfo", "C_InitToken", "C_InitPIN", "C_SetPIN",
    "C_OpenSession", "C_CloseSession", "C_CloseAllSessions", "C_GetSessionInfo", "C_GetOperationState",
    "C_SetOperationState", "C_Login", "C_Logout", "C_CreateObject", "C_CopyObject", "C_DestroyObject",
    "C_GetObjectSize", "C_GetAttributeValue", "C_SetAttributeValue", "C_FindObjectsInit", "C_FindObjects",
    "C_FindObjectsFinal", "C_EncryptInit", "C_Encrypt", "C_EncryptUpdate", "C_EncryptFinal", "C_DecryptInit",
    "C_Decrypt", "C_DecryptUpdate", "C_DecryptFinal", "C_DigestInit", "C_Digest", "C_DigestUpdate", "C_DigestKey",
    "C_DigestFinal", "C_SignInit", "C_Sign", "C_SignUpdate", "C_SignFinal", "C_SignRecoverInit", "C_SignRecover",
    "C_VerifyInit", "C_Verify", "C_VerifyUpdate", "C_VerifyFinal", "C_VerifyRecoverInit", "C_VerifyRecover",
    "C_DigestEncryptUpdate", "C_DecryptDigestUpdate", "C_SignEncryptUpdate", "C_DecryptVerifyUpdate",
    "C_GenerateKey", "C_GenerateKeyPair", "C_WrapKey", "C_UnwrapKey", "C_DeriveKey", "C_SeedRandom",
    "C_GenerateRandom", "C_GetFunctionStatus", "C_CancelFunction", "C_WaitForSlotEvent",
    [DECAPSULATE] = "C_DecapsulateKey",
};

struct list {
    unsigned char version[2];
    function functions[ALL_FUNCTIONS]; /* before 3.0 the first FUNCTIONS only */
};

struct interface {
    const char *name;
    void *functions;
    word flags;
};

/* label 32, manufacturer 32, model 16, serial 16: then the flags, ten numbers, two versions, the time. */
struct token_info {
    unsigned char text[96];
    word flags;
    word numbers[10];
    unsigned char versions[4];
    unsigned char time[16];
};

struct attribute {
    word type;
    unsigned char *value;
    word length;
};

static struct list *real;
static struct list ours;

/* Looks up an order for a function; the number behind it goes to *value. */
static int ordered(const char *order, const char *name, word *value) {
    char line[128], verb[32], what[64];
    const char *path = getenv("FAULT_FILE");
    FILE *file = path ? fopen(path, "r") : NULL;
    int found = 0;
    if (!file) return 0;
    while (!found && fgets(line, sizeof line, file)) {
        unsigned long number = 0;
        int read = sscanf(line, "%31s %63s %lu", verb, what, &number);
        if (read < 2 || strcmp(verb, order)) continue;
        if (!name) {
            *value = strtoul(what, NULL, 10);
            found = 1;
        } else if (!strcmp(what, name)) {
            *value = number;
            found = 1;
        }
    }
    fclose(file);
    return found;
}

static word call(int index, word a, word b, word c, word d, word e, word f, word g, word h) {
    const char *path = getenv("FAULT_LOG");
    FILE *log = path ? fopen(path, "a") : NULL;
    static word calls[ALL_FUNCTIONS];
    word number = __atomic_add_fetch(&calls[index], 1, __ATOMIC_RELAXED), value = 0, result;
    if (log) {
        fprintf(log, "%s\n", NAMES[index]);
        fclose(log);
    }
    int turn = (!ordered("from", NULL, &value) || number >= value) && (!ordered("only", NULL, &value) || number == value);
    int meant = turn && (!ordered("first", NULL, &value) || value == a);
    if (meant && ordered("fail", NAMES[index], &value)) return value;
    if (meant && ordered("hang", NAMES[index], &value)) {
        while (ordered("hang", NAMES[index], &value)) usleep(10000);
        return 6; /* CKR_FUNCTION_FAILED */
    }
    while (meant && ordered("late", NAMES[index], &value)) usleep(10000);
    result = real->functions[index](a, b, c, d, e, f, g, h);
    if (result != 0 || !turn) return result;
    if (index == GET_TOKEN_INFO && ordered("flags", NULL, &value)) ((struct token_info *)b)->flags |= value;
    if (index == GET_TOKEN_INFO && ordered("clock", NULL, &value)) {
        ((struct token_info *)b)->flags |= CLOCK_ON_TOKEN;
        memset(((struct token_info *)b)->time, ' ', sizeof((struct token_info *)b)->time);
    }
    /* C_Sign and C_Decrypt: session, input, length, output, its length. */
    if ((index == SIGN || index == DECRYPT) && d) {
        word length = *(word *)e;
        if (ordered("flip", NAMES[index], &value) && (!value || value == length)) ((unsigned char *)d)[length / 2] ^= 1;
        if (ordered("short", NAMES[index], &value) && (!value || value == length)) *(word *)e -= 1;
    }
    /* C_GetAttributeValue: session, object, attributes, their number. */
    if (index == GET_ATTRIBUTE_VALUE) {
        struct attribute *all = (struct attribute *)c;
        for (word i = 0; i < d; i++) {
            if (!all[i].value && ordered("long", NAMES[index], &value)) all[i].length = 1UL << 63;
            if (!all[i].value || all[i].length == 0 || all[i].length == (word)-1) continue;
            if (ordered("flip", NAMES[index], &value)) all[i].value[all[i].length / 2] ^= 1;
            if (ordered("short", NAMES[index], &value)) all[i].length -= 1;
        }
    }
    return result;
}

#define T(n) \
    static word t##n(word a, word b, word c, word d, word e, word f, word g, word h) { \
        return call(n, a, b, c, d, e, f, g, h); \
    }
#define ALL(X) \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) \
    X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31) X(32) X(33) X(34) X(35) X(36) X(37) \
    X(38) X(39) X(40) X(41) X(42) X(43) X(44) X(45) X(46) X(47) X(48) X(49) X(50) X(51) X(52) X(53) X(54) X(55) \
    X(56) X(57) X(58) X(59) X(60) X(61) X(62) X(63) X(64) X(65) X(66) X(67)
ALL(T)
T(93)

static void *module(void) {
    const char *path = getenv("FAULT_MODULE");
    return path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
}

#define SET(n) ours.functions[n] = t##n;

/* Of PKCS#11 3.2 or none: then the caller asks for the old list. */
word C_GetInterface(unsigned char *name, unsigned char *version, struct interface **out, word flags) {
    static struct interface interface;
    void *all = module();
    word (*get)(void *, void *, struct interface **, word) =
        all ? (word (*)(void *, void *, struct interface **, word))dlsym(all, "C_GetInterface") : NULL;
    struct interface *found = NULL;
    *out = NULL;
    if (!get || get(name, version, &found, flags) != 0 || !found) return 0;
    real = found->functions;
    if (real->version[0] < 3 || real->version[1] < 2) return 0;
    ours = *real;
    ALL(SET)
    SET(93)
    interface = *found;
    interface.functions = &ours;
    *out = &interface;
    return 0;
}

word C_GetFunctionList(struct list **out) {
    void *all = module();
    word (*get)(struct list **) = all ? (word (*)(struct list **))dlsym(all, "C_GetFunctionList") : NULL;
    if (!get || get(&real) != 0) return 5;
    memcpy(ours.version, real->version, sizeof ours.version);
    ALL(SET)
    ours.functions[GET_FUNCTION_LIST] = (function)C_GetFunctionList;
    *out = &ours;
    return 0;
}
