/*
 * review.h - what a function of the database has allowed a session to hold is asked for anew, and taken away if the answer is no.
 */
#ifndef FOX_CORE_REVIEW_H
#define FOX_CORE_REVIEW_H

#include "core/core.h"

/*
 * The functions may answer otherwise, once the transaction (as FOX_CHANGE_DECISIONS names it; absent: none) has ended:
 * r->reviews_done tells when all were asked.
 */
extern void fox_review_wanted(FoxRouter *r, FoxSlice transaction);
extern void fox_review_free(FoxRouter *r);

#endif
