/* Two layers in C, checked against nnref:
 *
 *     make && nnref check --command ./kernels --op conv2d --op max_pool2d
 *
 * A request is a line with a directory. Its case.json names the function and the options; the arrays are .npy files. The
 * program writes the result to result_y.npy there and answers with a line. See docs/process-target.md.
 *
 * BUG=1 to 5 builds in a bug that the tests of nnref must find:
 *     1  dilation is ignored
 *     2  the last column is forgotten in rows of 8k + 1
 *     3  a crash if the kernel is larger than the image
 *     4  a hang if windows leave gaps
 *     5  output that is not an answer
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef BUG
#define BUG 0
#endif

typedef struct {
    long shape[4]; /* trailing ones if there are fewer dimensions */
    float *data;   /* NULL: there is no such array */
} Array;

typedef struct {
    long kernel[2], stride[2], padding[4], dilation[2]; /* (vertical, horizontal); (top, bottom, left, right) */
    int ceil_mode;
} Windows;

static long size(const Array *a) { return a->shape[0] * a->shape[1] * a->shape[2] * a->shape[3]; }

static FILE *open_in(const char *directory, const char *name, const char *mode) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return fopen(path, mode);
}

/* ---- .npy, version 1.0: "\x93NUMPY" 1 0, length of the header, header, numbers ---- */

static const char *read_npy(const char *directory, const char *name, Array *a) {
    static char header[1 << 16];
    unsigned char start[10];
    FILE *file = open_in(directory, name, "rb");
    a->data = NULL;
    if (!file) return NULL;
    const char *trouble = "error not a .npy file of version 1.0";
    if (fread(start, 1, 10, file) == 10 && !memcmp(start, "\x93NUMPY\x01\x00", 8)) {
        size_t length = start[8] + 256u * start[9];
        header[fread(header, 1, length, file)] = 0;
        const char *digits = strstr(header, "'shape': (");
        if (!strstr(header, "'descr': '<f4'")) {
            trouble = "unsupported only float32";
        } else if (digits) {
            char *next = (char *)digits + strlen("'shape': (");
            for (int axis = 0; axis < 4; axis++) {
                a->shape[axis] = *next && *next != ')' ? strtol(next, &next, 10) : 1;
                next += strspn(next, ", ");
            }
            size_t count = (size_t)size(a);
            a->data = malloc(count * sizeof(float) + 1);
            if (a->data && fread(a->data, sizeof(float), count, file) == count) trouble = NULL;
        }
    }
    fclose(file);
    return trouble;
}

static const char *write_npy(const char *directory, const char *name, const Array *a) {
    char header[128];
    memset(header, ' ', sizeof header);
    memcpy(header, "\x93NUMPY\x01\x00\x76\x00", 10); /* 0x76 = 128 - 10 */
    int used = snprintf(header + 10, sizeof header - 10,
                        "{'descr': '<f4', 'fortran_order': False, 'shape': (%ld, %ld, %ld, %ld), }", a->shape[0],
                        a->shape[1], a->shape[2], a->shape[3]);
    header[10 + used] = ' ';
    header[127] = '\n';
    FILE *file = open_in(directory, name, "wb");
    if (!file) return "error the result cannot be written";
    size_t count = (size_t)size(a);
    int done = fwrite(header, 1, 128, file) == 128 && fwrite(a->data, sizeof(float), count, file) == count;
    return fclose(file) == 0 && done ? "ok" : "error the result cannot be written";
}

/* ---- case.json: every option is on the line "options", and its name is unique ---- */

static void numbers(const char *options, const char *name, long *to, int count) {
    const char *at = strstr(options, name);
    for (int i = 0; at && i < count; i++) {
        at += strcspn(at, "0123456789");
        to[i] = strtol(at, (char **)&at, 10);
    }
}

static Windows windows_of(const char *options, long kh, long kw) {
    Windows w = {{kh, kw}, {1, 1}, {0, 0, 0, 0}, {1, 1}, strstr(options, "\"ceil_mode\": true") != NULL};
    numbers(options, "\"kernel_size\"", w.kernel, 2);
    numbers(options, "\"stride\"", w.stride, 2);
    numbers(options, "\"padding\"", w.padding, 4);
    numbers(options, "\"dilation\"", w.dilation, 2);
    return w;
}

/* ---- the layers ---- */

static long windows_along(const Windows *w, int axis, long image) {
    const long *pads = w->padding + 2 * axis, extent = w->dilation[axis] * (w->kernel[axis] - 1) + 1;
    const long room = image + pads[0] + pads[1] - extent, stride = w->stride[axis];
    if (!w->ceil_mode) return room / stride + 1;
    const long count = (room + stride - 1) / stride + 1;
    return (count - 1) * stride >= image + pads[0] ? count - 1 : count;
}

static const char *conv2d(const Array *x, const Array *weight, const Array *bias, Windows w, long groups, Array *y) {
    const long h = x->shape[2], width = x->shape[3], ho = y->shape[2], wo = y->shape[3];
    const long filters = y->shape[1] / groups, channels = weight->shape[1];
    if (BUG == 3 && (w.kernel[0] > h || w.kernel[1] > width)) abort();
    if (BUG == 4 && (w.stride[0] > w.kernel[0] || w.stride[1] > w.kernel[1])) for (;;) {}
    if (BUG == 5) printf("convolving %ld x %ld\n", h, width);
    if (BUG == 1) w.dilation[0] = w.dilation[1] = 1;
    for (long n = 0; n < y->shape[0]; n++)
        for (long k = 0; k < y->shape[1]; k++)
            for (long i = 0; i < ho; i++)
                for (long j = 0; j < wo; j++) {
                    float sum = bias->data ? bias->data[k] : 0.0f;
                    for (long c = 0; c < channels; c++)
                        for (long u = 0; u < w.kernel[0]; u++)
                            for (long v = 0; v < w.kernel[1]; v++) {
                                const long row = i * w.stride[0] + u * w.dilation[0] - w.padding[0];
                                const long column = j * w.stride[1] + v * w.dilation[1] - w.padding[2];
                                if (row < 0 || row >= h || column < 0 || column >= width) continue;
                                const long plane = n * x->shape[1] + k / filters * channels + c;
                                sum += x->data[(plane * h + row) * width + column] *
                                       weight->data[((k * channels + c) * w.kernel[0] + u) * w.kernel[1] + v];
                            }
                    if (BUG == 2 && wo > 8 && wo % 8 == 1 && j == wo - 1) sum = 0.0f;
                    y->data[((n * y->shape[1] + k) * ho + i) * wo + j] = sum;
                }
    return NULL;
}

static const char *max_pool2d(const Array *x, Windows w, Array *y) {
    const long h = x->shape[2], width = x->shape[3], ho = y->shape[2], wo = y->shape[3];
    for (long plane = 0; plane < y->shape[0] * y->shape[1]; plane++)
        for (long i = 0; i < ho; i++)
            for (long j = 0; j < wo; j++) {
                float largest = -INFINITY;
                for (long u = 0; u < w.kernel[0]; u++)
                    for (long v = 0; v < w.kernel[1]; v++) {
                        const long row = i * w.stride[0] + u * w.dilation[0] - w.padding[0];
                        const long column = j * w.stride[1] + v * w.dilation[1] - w.padding[2];
                        if (row < 0 || row >= h || column < 0 || column >= width) continue;
                        const float value = x->data[(plane * h + row) * width + column];
                        if (value > largest || isnan(value)) largest = value;
                        if (isnan(largest)) u = w.kernel[0], v = w.kernel[1]; /* nothing is above NaN */
                    }
                y->data[(plane * ho + i) * wo + j] = largest;
            }
    return NULL;
}

/* ---- the protocol ---- */

static const char *run(const char *directory) {
    static char text[1 << 16];
    FILE *file = open_in(directory, "case.json", "rb");
    if (!file) return "error there is no case.json";
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    const char *options = strstr(text, "\"options\"");
    const int convolution = strstr(text, "\"function\": \"conv2d\"") != NULL;
    if (!options || !(convolution || strstr(text, "\"function\": \"max_pool2d\""))) return "error not this function";

    Array x, weight = {{0}, NULL}, bias = {{0}, NULL}, y = {{0}, NULL};
    const char *trouble = read_npy(directory, "x.npy", &x);
    if (!trouble) trouble = read_npy(directory, "weight.npy", &weight);
    if (!trouble) trouble = read_npy(directory, "bias.npy", &bias);
    if (!trouble && (!x.data || convolution != (weight.data != NULL))) trouble = "error an array is missing";
    if (!trouble) {
        const Windows w = windows_of(options, weight.shape[2], weight.shape[3]);
        y.shape[0] = x.shape[0];
        y.shape[1] = convolution ? weight.shape[0] : x.shape[1];
        for (int axis = 0; axis < 2; axis++) y.shape[2 + axis] = windows_along(&w, axis, x.shape[2 + axis]);
        y.data = malloc((size_t)size(&y) * sizeof(float) + 1);
        long groups = 1;
        numbers(options, "\"groups\"", &groups, 1);
        if (!y.data) trouble = "error out of memory";
        else trouble = convolution ? conv2d(&x, &weight, &bias, w, groups, &y) : max_pool2d(&x, w, &y);
    }
    if (!trouble) trouble = write_npy(directory, "result_y.npy", &y);
    free(x.data), free(weight.data), free(bias.data), free(y.data);
    return trouble;
}

int main(void) {
    char line[4096];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        puts(strcmp(line, "operations") ? run(line) : "conv2d max_pool2d");
        fflush(stdout);
    }
    return 0;
}
