/* Epochs of the threshold beacon, one after the other (docs/spec/threshold-beacon.md, "Values" and "What daemons do"): the last epoch of the
   bootstrap beacon, epochs of a key, a change of shares at any moment, a key that is retired at any moment, and the bootstrap beacon again.
   Four validators with a ticket each, of whom one lies: which one makes no difference, since nobody leads.

   The liar is no process. Wherever a count could have its part, the count is taken with it and without it; it may fall silent at any moment, for
   good. Parts of honest validators are sent again and again while their sender seeks the epoch, and no longer: whoever has gone on answers with
   the certificate. What was heard of it before may be there, until at some moment all of that is lost. A vote of the bootstrap beacon is such a
   part, too: how it comes to be is beacon.pml.

   `now` is the newest epoch that an honest clock has reached. Every validator reads the chain once in each epoch, as daemons do, at any moment of it.

   Every step is one that is never taken back: an epoch more, a reading of this epoch, shares got or forgotten, a fall into silence. So no run is
   without an end, and every epoch ends on every fair run where no state is a dead end in which an honest validator still seeks one: that takes
   no search for cycles. That no state comes twice is searched, too.

   Smaller searches: KEEPS_SHARES has one era, KEEPS_KEY no retirement.

   Twins that must fail: ALL_TICKETS, NO_LATE, NO_LAST, ERASES, LEAVES_ONE (an epoch does not end), ONE_CHANGE (the same, and only where shares change and the
   key is retired in one epoch), NO_NOTICE (two kinds of certificates for an epoch). */

/* The honest. */
#define N 3
#ifndef LAST
#define LAST 3
#endif
#ifdef ALL_TICKETS
#define THRESHOLD 4
#else
#define THRESHOLD 3
#endif
#define QUORUM 3
#define NEVER 9
#define WITH_LIAR (!gone)

bool gone;             /* the liar has fallen silent */
bool lost;             /* nothing is there any more of what somebody sent who has gone on */
byte now;
byte second;           /* the first epoch of the second era; NEVER without one */
byte final;            /* the last epoch of the key; NEVER while it goes on */
byte kind[8];          /* of each epoch's certificate: 0 none, 1 the bootstrap's, 2 the key's */
byte sought[N];        /* the epoch that it seeks */
bool old[N];           /* it has shares of the first era */
bool fresh[N];         /* of the second */
bool sees_second[N];   /* by the chain as it read it last */
bool sees_final[N];
bool has_read[N];      /* in this epoch */

#define IS_KEYS(n) (sought[n] > 0 && !(sees_final[n] && sought[n] > final))
#ifdef ERASES
#define OLD_ERA(n) 1
#else
/* The shares of all eras make one signature. */
#define OLD_ERA(n) (old[n] -> 1 : 2)
#endif
#define ERA(n) (!IS_KEYS(n) -> 0 : ((sees_second[n] && sought[n] >= second) -> 2 : OLD_ERA(n)))
#define SIGNS(n) (sought[n] <= now && (ERA(n) == 0 || (ERA(n) == 1 && old[n]) || (ERA(n) == 2 && fresh[n])))
#define IS_PAST(m, n) (sought[m] > sought[n])
#define IS_HEARD(m, n) ((m) != (n) && ((sought[m] == sought[n] && ERA(m) == ERA(n) && SIGNS(m)) || (!lost && IS_PAST(m, n))))
#define NEEDED(n) (ERA(n) == 0 -> QUORUM : THRESHOLD)
#define HAS_ENOUGH(n) (SIGNS(n) + IS_HEARD(0, n) + IS_HEARD(1, n) + IS_HEARD(2, n) + WITH_LIAR >= NEEDED(n))
#define KIND(n) (IS_KEYS(n) -> 2 : 1)

#ifdef NO_LATE
#define ANSWERED(n) 0
#else
#ifdef NO_LAST
#define ANSWERED(n) (sought[n] > 0 && (IS_PAST(0, n) || IS_PAST(1, n) || IS_PAST(2, n)))
#else
#define ANSWERED(n) (IS_PAST(0, n) || IS_PAST(1, n) || IS_PAST(2, n))
#endif
#endif

proctype honest(byte me) {
  do
  :: sought[me] > LAST -> break
  :: atomic { sought[me] <= LAST && sought[me] <= now && HAS_ENOUGH(me) ->
       assert(kind[sought[me]] == 0 || kind[sought[me]] == KIND(me));
       kind[sought[me]] = KIND(me); sought[me]++ }
  /* A certificate that somebody honest has, by the chain as it is read here. */
  :: atomic { sought[me] <= LAST && ANSWERED(me) && kind[sought[me]] == KIND(me) -> sought[me]++ }
#ifdef ONE_CHANGE
  :: atomic { !has_read[me] -> has_read[me] = 1;
       if
       :: second != NEVER && !sees_second[me] -> sees_second[me] = 1
       :: else -> sees_final[me] = (final != NEVER)
       fi }
#else
  :: atomic { !has_read[me] -> has_read[me] = 1; sees_second[me] = (second != NEVER); sees_final[me] = (final != NEVER) }
#endif
  /* Its shares of the second era: it asks all until it has them, whoever dealt them. That somebody honest has what a lying dealer kept from it is
     what keygen.qnt is about: with LEAVES_ONE the last one gets nothing. */
#ifndef KEEPS_SHARES
#ifdef LEAVES_ONE
  :: atomic { !fresh[me] && me != N - 1 -> fresh[me] = 1 }
#else
  :: atomic { !fresh[me] -> fresh[me] = 1 }
#endif
#endif
#ifdef ERASES
  :: atomic { old[me] && sees_second[me] -> old[me] = 0 }
#else
  /* One epoch after the next era signs. */
  :: atomic { old[me] && sees_second[me] && now > second && sought[me] > second -> old[me] = 0 }
#endif
  od
}

#define READ(n) (has_read[n] || sought[n] > LAST)
proctype passes() {
  do
  :: now == LAST -> break
  :: atomic { now < LAST && READ(0) && READ(1) && READ(2) ->
       now++; has_read[0] = 0; has_read[1] = 0; has_read[2] = 0 }
  od
}

#define SHARES (fresh[0] + fresh[1] + fresh[2])

/* Enough of the new shares have signed an outcome; or there is none. It counts from the second epoch after the one that has begun. */
proctype deals() {
  if
  :: atomic { SHARES + WITH_LIAR >= THRESHOLD && now + 2 <= LAST -> second = now + 2 }
  :: true
  fi
}

/* A quorum ends the key; or it goes on. */
proctype retires() {
  if
#ifdef NO_NOTICE
  :: atomic { now > 0 && now < LAST -> final = now }
#else
  :: atomic { now + 1 < LAST -> final = now + 1 }
#endif
  :: true
  fi
}

proctype falls_silent() { gone = 1 }
proctype forgets() { lost = 1 }

init {
  atomic {
    second = NEVER; final = NEVER;
    old[0] = 1; old[1] = 1; old[2] = 1;
    run falls_silent();
    run forgets();
    run passes();
#ifndef KEEPS_SHARES
    run deals();
#endif
#ifndef KEEPS_KEY
    run retires();
#endif
    run honest(0);
    run honest(1);
    run honest(2)
  }
}

#define ALL_DONE (sought[0] > LAST && sought[1] > LAST && sought[2] > LAST)

ltl ends { <> ALL_DONE }
