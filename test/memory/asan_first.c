/*
 * asan_first.c - AddressSanitizer for a program that was not compiled with it.
 *
 * Preloaded, it starts with the first malloc, in whatever constructor comes first; here
 * libgpg-error's, inside bindtextdomain, which holds the lock that the sanitizer's own
 * dlerror() then wants.  This library's constructor runs before all others.
 */
extern void __asan_init(void);

__attribute__((constructor)) static void
start_sanitizer(void)
{
	__asan_init();
}
