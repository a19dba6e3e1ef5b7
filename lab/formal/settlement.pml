/* Logs, channels and settlement, searched to the end: docs/spec/verdict-log.md, settlement.md, signer.md. Two validators with a log
   of two positions each; two replies at each; a payer's channel at each. Validator 1 may be put back to an old copy at any moment.
   A batch has one entry here, and a certificate is what co-signers sign after they looked into their notes.

   Twins that must fail: NO_NOTES, ANY_RECORD, TWO_VERDICTS, NO_SEQUENCE, ONE_DEPOSIT, ID_WITHOUT_VALIDATOR. */

#define POSITIONS 2
/* An entry: 1 + 2 * reply + accept, 0 none. */
#define ENTRY(r, a) (1 + 2 * (r) + (a))
#define REPLY(e) (((e) - 1) / 2)
#define ACCEPTS(e) ((((e) - 1) % 2) == 1)
#ifdef ONE_DEPOSIT
#define CHANNEL(v) 0
#define DEPOSIT 1
#else
#define CHANNEL(v) (v)
#define DEPOSIT 2
#endif
#ifdef ID_WITHOUT_VALIDATOR
#define ID(v, r) (r)
#else
#define ID(v, r) (2 * (v) + (r))
#endif

bool served[4];        /* [2 * v + reply]: the provider signed a record for it */
byte entry[4];         /* [2 * v + position]: the log as its validator has it */
byte saved[2];         /* the old copy of validator 1 */
byte certified[4];     /* [2 * v + position]: what a quorum signed, 0 nothing */
byte length[2];        /* settled, on the chain */
byte spent[2];
byte paid[4];          /* by id */
bool rejected[4];      /* by id */

#define LOGGED(v, r) (entry[2*v] == ENTRY(r, 0) || entry[2*v] == ENTRY(r, 1) || entry[2*v+1] == ENTRY(r, 0) || entry[2*v+1] == ENTRY(r, 1))
#ifdef TWO_VERDICTS
#define FREE(v, r) 1
#else
#define FREE(v, r) (!LOGGED(v, r))
#endif
#ifdef ANY_RECORD
#define KNOWN(v, r) 1
#else
#define KNOWN(v, r) served[2*v+r]
#endif

/* May the chain take what is certified next of v? */
#define NEXT(v) certified[2*v + length[v]]
#define TAKES(v) (length[v] < POSITIONS && NEXT(v) != 0 && (!ACCEPTS(NEXT(v)) || spent[CHANNEL(v)] < DEPOSIT))

inline append(v, r, a) {
  atomic { entry[2*v+1] == 0 && FREE(v, r) && (a == 0 || KNOWN(v, r)) ->
    if :: entry[2*v] == 0 -> entry[2*v] = ENTRY(r, a) :: else -> entry[2*v+1] = ENTRY(r, a) fi }
}

/* Co-signers find nothing else in their notes. */
#ifdef NO_NOTES
#define NOTED(v, p) 0
#else
#define NOTED(v, p) (certified[2*v+p] != 0)
#endif

/* Position p of v's log gets a quorum. */
inline certify(v, p) {
  atomic { entry[2*v+p] != 0 && (p == 0 || certified[2*v] == entry[2*v]) && certified[2*v+p] != entry[2*v+p] && !NOTED(v, p) ->
    assert(certified[2*v+p] == 0); certified[2*v+p] = entry[2*v+p] }
}

inline pay(v, e) {
  if
  :: ACCEPTS(e) ->
       assert(served[2*v + REPLY(e)]);              /* authentic */
       paid[ID(v, REPLY(e))]++;
       assert(paid[ID(v, REPLY(e))] == 1);          /* settles once */
       spent[CHANNEL(v)]++
  :: else -> rejected[ID(v, REPLY(e))] = 1
  fi;
  assert(!(paid[ID(v, REPLY(e))] > 0 && rejected[ID(v, REPLY(e))]))   /* reject excludes release */
}

proctype validator(byte v) {
  do
  :: append(v, 0, 0)
  :: append(v, 0, 1)
  :: append(v, 1, 0)
  :: append(v, 1, 1)
  :: certify(v, 0)
  :: certify(v, 1)
  :: atomic { v == 1 -> saved[0] = entry[2]; saved[1] = entry[3] }
  :: atomic { v == 1 -> entry[2] = saved[0]; entry[3] = saved[1] }
  od
}

proctype provider() {
  do
  :: atomic { !served[0] -> served[0] = 1 }
  :: atomic { !served[1] -> served[1] = 1 }
  :: atomic { !served[2] -> served[2] = 1 }
  :: atomic { !served[3] -> served[3] = 1 }
  od
}

/* Anyone submits. Whatever the chain takes of one log, it takes what was ready of the other just as before: order-free. */
inline submit(v, w) {
  atomic { TAKES(v) ->
    ready = TAKES(w);
    pay(v, NEXT(v));
    length[v]++;
    assert(!ready || TAKES(w));
    ready = 0 }
}

proctype anyone() {
  bool ready;
  do
  :: submit(0, 1)
  :: submit(1, 0)
#ifdef NO_SEQUENCE
  :: atomic { length[0] > 0 -> pay(0, certified[0]) }
#endif
  od
}

init { atomic { run validator(0); run validator(1); run provider(); run anyone() } }
