/* One epoch of the beacon's certificate machine (docs/spec/beacon.md, "Agreement").
   Four validators of equal stake; one of them lies, any of the four. Three views, two values.

   The liar is no process. Wherever a count could have its vote, the count is taken with it and without it. A step that
   needs its vote is possible while it talks; it may fall silent at any moment, for good. So it votes for both values,
   shows a vote to one and hides it from another, proposes both values as proposer, and claims every view.

   Messages are no state either: a step may happen as soon as what it needs was sent, or any time later, or never.
   The last view is the first in which links and clocks are in time again (the times of views grow until then):
   nobody's timer ends it, and its proposer is honest where "the epoch ends" is checked.

   Twins that must fail: FOLLOW, AMNESIA, UNLOCKED, HALF (agreement or timers), DEAF (the epoch does not end). */

#define N 4
#ifndef VIEWS
#define VIEWS 3
#endif
#define LAST (VIEWS - 1)
#ifdef HALF
#define QUORUM 2
#else
#define QUORUM 3
#endif
#define MORE_THAN_A_THIRD 2
#ifndef RESTARTS
#define RESTARTS 0
#endif
#ifdef AGREEMENT
/* The liar talks for ever, and nobody stops once it has a certificate: what both add to is what is checked. */
#define WITH_LIAR 1
#define RUNS(n) 1
#else
#define WITH_LIAR (!gone)
#define RUNS(n) (!decided[n])
#endif

byte liar;             /* who lies */
bool gone;             /* the liar has fallen silent */
byte view[N];
byte prepared[12];     /* [v * N + n]: what n prepared in view v, a bit for each of the values 1 and 2 */
byte committed[12];    /* likewise */
byte lock_view[N];     /* 1 + view of the lock; 0 none */
byte lock_value[N];
byte proposed[4];      /* what the honest proposer of the view proposed; 0 nothing */
byte proof[4];         /* 1 + view of its proof that the value was prepared; 0 none */
bool timed[4];         /* an honest timer has ended the view before */
bool quiet[N];         /* restarted in this view: casts no vote in it */
bool decided[N];
byte value;            /* what an honest validator took as certified; 0 nothing */
byte restarts;
bool used;             /* the values are alike: the first one used is called 1 */
bool forgot[N];        /* only in the twin AMNESIA */

#define IS(n, x) (n != liar && (x))
#define PREPARES(v, x) (IS(0, prepared[v*N] & x) + IS(1, prepared[v*N+1] & x) + IS(2, prepared[v*N+2] & x) + IS(3, prepared[v*N+3] & x))
#define COMMITS(v, x) (IS(0, committed[v*N] & x) + IS(1, committed[v*N+1] & x) + IS(2, committed[v*N+2] & x) + IS(3, committed[v*N+3] & x))
#define REACHED(w) (IS(0, view[0] >= w) + IS(1, view[1] >= w) + IS(2, view[2] >= w) + IS(3, view[3] >= w))
/* Could the liar show a proof that x was prepared in view v? */
#define PROVABLE(v, x) (PREPARES(v, x) + 1 >= QUORUM)
#define CERTIFIED(x) (COMMITS(0, x) + WITH_LIAR >= QUORUM || COMMITS(1, x) + WITH_LIAR >= QUORUM || COMMITS(2, x) + WITH_LIAR >= QUORUM)
#define COULD_CERTIFY(x) (COMMITS(0, x) + 1 >= QUORUM || COMMITS(1, x) + 1 >= QUORUM || COMMITS(2, x) + 1 >= QUORUM)
/* May a validator with this lock prepare x in a view after it, by the best proof from view `from` on? */
#define PROVEN_SINCE(n, v, x) ((lock_view[n] <= 1 && v > 0 && PROVABLE(0, x)) || (lock_view[n] <= 2 && v > 1 && PROVABLE(1, x)))

/* A node in view v or further whose lock is older than v: it can have answered the proposer of v. */
#define ANSWERED(n, v) (n != liar && view[n] >= v && lock_view[n] <= v)

inline hear(n, v) {
  if
  :: n != liar && ANSWERED(n, v) && lock_view[n] > best -> best = lock_view[n]; best_value = lock_value[n]
  :: else
  fi
}

inline propose(me) {
  /* Whom the proposer leaves out: nobody (4), or one honest validator, where the liar's answer makes up the quorum. */
  atomic {
    view[me] < VIEWS && view[me] == me && proposed[me] == 0 &&
    (ANSWERED(0, me) + ANSWERED(1, me) + ANSWERED(2, me) + ANSWERED(3, me) + (WITH_LIAR && me < LAST) >= QUORUM) ->
    best = 0; best_value = 0;
    if
    :: (ANSWERED(0, me) + ANSWERED(1, me) + ANSWERED(2, me) + ANSWERED(3, me) >= QUORUM) -> skip_one = 4
    :: me < LAST && WITH_LIAR && liar != 0 -> skip_one = 0
    :: me < LAST && WITH_LIAR && liar != 1 -> skip_one = 1
    :: me < LAST && WITH_LIAR && liar != 2 -> skip_one = 2
    :: me < LAST && WITH_LIAR && liar != 3 -> skip_one = 3
    fi;
#ifndef DEAF
    if :: skip_one != 0 -> hear(0, me) :: else fi;
    if :: skip_one != 1 -> hear(1, me) :: else fi;
    if :: skip_one != 2 -> hear(2, me) :: else fi;
    if :: skip_one != 3 -> hear(3, me) :: else fi;
#endif
    /* The liar may answer with a lock, if it can prove it. */
    if
    :: true
    :: WITH_LIAR && me > 0 && best < 1 && PROVABLE(0, 1) -> best = 1; best_value = 1
    :: WITH_LIAR && me > 0 && best < 1 && PROVABLE(0, 2) -> best = 1; best_value = 2
    :: WITH_LIAR && me > 1 && best < 2 && PROVABLE(1, 1) -> best = 2; best_value = 1
    :: WITH_LIAR && me > 1 && best < 2 && PROVABLE(1, 2) -> best = 2; best_value = 2
    fi;
    if
    :: best > 0 -> proposed[me] = best_value; proof[me] = best
    :: best == 0 -> proposed[me] = 1; used = 1
    :: best == 0 && used -> proposed[me] = 2
    fi;
    best = 0; best_value = 0; skip_one = 0
  }
}

#ifdef UNLOCKED
#define MAY_PREPARE(n, v, x) (1)
#else
#define MAY_PREPARE(n, v, x) (lock_view[n] == 0 || lock_value[n] == x || (liar != v && proof[v] >= lock_view[n]) || (liar == v && PROVEN_SINCE(n, v, x)))
#endif

/* In the view of an honest proposer only its value can be prepared; in a liar's view any. */
#define SHOWN(v, x) ((liar != v && proposed[v] == x) || (liar == v && WITH_LIAR))

#define PREPARE(me, x) atomic { \
    RUNS(me) && !quiet[me] && (prepared[view[me]*N+me] == 0 || forgot[me]) && SHOWN(view[me], x) && (x == 1 || used) && MAY_PREPARE(me, view[me], x) -> \
    prepared[view[me]*N+me] = prepared[view[me]*N+me] | x; forgot[me] = 0; used = 1 }
#define COMMIT(me, x) atomic { \
    RUNS(me) && !quiet[me] && lock_view[me] <= view[me] && PREPARES(view[me], x) + WITH_LIAR >= QUORUM -> \
    committed[view[me]*N+me] = committed[view[me]*N+me] | x; lock_view[me] = view[me] + 1; lock_value[me] = x; \
    assert(!(COULD_CERTIFY(1) && COULD_CERTIFY(2))) }

inline enter(me, w) { view[me] = w; quiet[me] = 0; assert(timed[w]) }

proctype honest(byte me) {
  byte best, best_value, skip_one;
  do
  :: atomic { RUNS(me) && view[me] < LAST -> timed[view[me] + 1] = 1; view[me]++; quiet[me] = 0 }
  /* Taken along by more than a third. */
  :: atomic { RUNS(me) && view[me] < 1 && REACHED(1) + WITH_LIAR >= MORE_THAN_A_THIRD -> enter(me, 1) }
  :: atomic { RUNS(me) && view[me] < 2 && 2 <= LAST && REACHED(2) + WITH_LIAR >= MORE_THAN_A_THIRD -> enter(me, 2) }
#ifdef FOLLOW
  :: atomic { RUNS(me) && view[me] < liar && liar <= LAST && WITH_LIAR -> enter(me, liar) }
#endif
  :: propose(me)
  :: PREPARE(me, 1)
  :: PREPARE(me, 2)
  :: COMMIT(me, 1)
  :: COMMIT(me, 2)
#ifndef AGREEMENT
  /* A certificate that one honest validator has, all others get. */
  :: atomic { !decided[me] && (value == 1 || CERTIFIED(1)) -> value = 1; decided[me] = 1; break }
  :: atomic { !decided[me] && (value == 2 || CERTIFIED(2)) -> value = 2; decided[me] = 1; break }
#endif
#if RESTARTS
  /* A restart. Votes and locks are on the disk; whoever voted in its view stays quiet in it. */
  :: atomic { RUNS(me) && view[me] < LAST && restarts < RESTARTS && (prepared[view[me]*N+me] != 0 || committed[view[me]*N+me] != 0) ->
       restarts++;
#ifdef AMNESIA
       forgot[me] = 1; lock_view[me] = 0; lock_value[me] = 0
#else
       quiet[me] = 1
#endif
     }
#endif
  od
}

/* What was sent stays sent, also in the twin AMNESIA: old and new votes count. */

#ifndef AGREEMENT
proctype falls_silent() { gone = 1 }
#endif

init {
  atomic {
#ifdef LIAR
    liar = LIAR;
#else
    select(liar : 0 .. 3);
#endif
    timed[0] = 1;
#ifndef AGREEMENT
    run falls_silent();
#endif
    if :: liar != 0 -> run honest(0) :: else fi;
    if :: liar != 1 -> run honest(1) :: else fi;
    if :: liar != 2 -> run honest(2) :: else fi;
    if :: liar != 3 -> run honest(3) :: else fi
  }
}

#define DONE(n) (liar == n || decided[n])
#define ALL_DONE (DONE(0) && DONE(1) && DONE(2) && DONE(3))

#ifndef AGREEMENT
/* A liar that proposes in the last view may spoil it: then a fourth view decides. */
ltl ends { <> (ALL_DONE || liar == LAST) }
#endif
