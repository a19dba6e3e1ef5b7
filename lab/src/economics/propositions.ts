import { JOBS_PER_AUDIT } from './audit-jobs.ts';

/** A statement about reals, in SMT-LIB, with a twin that has one thing wrong. */
export interface Proposition {
  readonly id: string;
  readonly says: string;
  readonly reals: readonly string[];
  readonly assume: readonly string[];
  readonly claim: string;
  readonly twin: { readonly says: string; readonly assume?: readonly string[]; readonly claim?: string };
}

const DETERRENCE = ['(> p 0)', '(>= phi 0)', '(> delta 0)', '(>= q 0)', '(<= q 1)'];
const SHARE = [
  '(> p 0)',
  '(> s 0)',
  '(< s 1)',
  '(>= lambda 0)',
  '(<= lambda 0.9)',
  '(>= e 0)',
  '(<= e (* lambda (* s p)))',
];
const FALSE_POSITIVE = ['(> eps 0)', '(< eps s)', '(< s 1)'];

/** At the launch: both reserves together, tokens left, and what a payment buys, rounded down or exact. */
const BOUGHT = [
  ...['(> reserve 0)', '(> left 0)', '(> payment 0)', '(> amount 0)'],
  '(<= (* amount (+ reserve payment)) (* payment left))',
];

/** Of alpha rho, what an audit takes of a fee, rounded up. */
const AUDIT_COST = 0.972;

/** Propositions that the economy relies on. Each is checked for all values in range, and its twin is refuted. */
export const PROPOSITIONS: readonly Proposition[] = [
  {
    id: 'deterrence',
    says: 'Honesty is the better answer exactly where q >= delta / (p + phi) (Proposition 1)',
    reals: ['p', 'phi', 'delta', 'q'],
    assume: DETERRENCE,
    claim: '(= (>= (+ (- delta) (* q (+ p phi))) 0) (>= q (/ delta (+ p phi))))',
    twin: { says: 'the franchise is left out', claim: '(= (>= (+ (- delta) (* q (+ p phi))) 0) (>= q (/ delta p)))' },
  },
  {
    id: 'payoffs',
    says: 'The two payoffs differ by -delta + q (p + phi) (Proposition 1)',
    reals: ['p', 'phi', 'ch', 'cc', 'a', 's', 'eps'],
    assume: [],
    claim:
      '(= (- (- (+ (- p ch) phi) (* a eps (+ p phi))) (- (+ (- p cc) phi) (* a s (+ p phi)))) (+ (- cc ch) (* a (- s eps) (+ p phi))))',
    twin: {
      says: 'false positives help honesty',
      claim:
        '(= (- (- (+ (- p ch) phi) (* a eps (+ p phi))) (- (+ (- p cc) phi) (* a s (+ p phi)))) (+ (- cc ch) (* a (+ s eps) (+ p phi))))',
    },
  },
  {
    id: 'zero-bond',
    says: 'With q = 1, no bond and no franchise, honesty pays wherever the saving is below the fee (Corollary 1)',
    reals: ['p', 'delta'],
    assume: ['(> p 0)', '(> delta 0)', '(< delta p)'],
    claim: '(> (+ (- delta) p) 0)',
    twin: { says: 'the saving may exceed the fee', assume: ['(> p 0)', '(> delta 0)'] },
  },
  {
    id: 'shard',
    says: 'A franchise that deters a whole model deters each of its shards (Corollary 2)',
    reals: ['p', 'phi', 'delta', 'q', 'w'],
    assume: [...DETERRENCE, '(> w 0)', '(<= w 1)', '(>= (* q (+ p phi)) delta)'],
    claim: '(>= (* q (+ (* w p) phi)) (* w delta))',
    twin: {
      says: 'the franchise is split, and more than split',
      claim: '(>= (* q (+ (* w p) (* w w phi))) (* w delta))',
    },
  },
  {
    id: 'bond',
    says: 'A bond takes the place of a margin that is too small: b >= delta / q - (p + phi) (Remark 1)',
    reals: ['p', 'phi', 'delta', 'q', 'b'],
    assume: [...DETERRENCE, '(> q 0)', '(>= b 0)'],
    claim: '(= (>= (* q (+ p phi b)) delta) (>= b (- (/ delta q) (+ p phi))))',
    twin: {
      says: 'the bond counts whether or not the cheat is caught',
      claim: '(= (>= (+ b (* q (+ p phi))) delta) (>= b (- (/ delta q) (+ p phi))))',
    },
  },
  {
    id: 'coverage',
    says: 'The coverage that is needed rises with the saving and the false positives, falls with fee and soundness (Remark 2)',
    reals: ['p', 'delta', 's', 'eps', 'd'],
    assume: ['(> p 0)', '(> delta 0)', ...FALSE_POSITIVE, '(> d 0)', '(< (+ eps d) s)'],
    claim:
      '(and (> (/ (+ delta d) (* p (- s eps))) (/ delta (* p (- s eps)))) (> (/ delta (* p (- s (+ eps d)))) (/ delta (* p (- s eps)))) (< (/ delta (* (+ p d) (- s eps))) (/ delta (* p (- s eps)))) (< (/ delta (* p (- (+ s d) eps))) (/ delta (* p (- s eps)))))',
    twin: {
      says: 'a higher fee needs more coverage',
      claim: '(> (/ delta (* (+ p d) (- s eps))) (/ delta (* p (- s eps))))',
    },
  },
  {
    id: 'martingale',
    says: 'Under honesty one step of the likelihood ratio has mean one, so that its bound is Ville’s (Proposition 3)',
    reals: ['s', 'eps'],
    assume: FALSE_POSITIVE,
    claim: '(= (+ (* eps (/ s eps)) (* (- 1 eps) (/ (- 1 s) (- 1 eps)))) 1)',
    twin: {
      says: 'honest replies are rejected more often than the test counts on',
      claim: '(= (+ (* (* 2 eps) (/ s eps)) (* (- 1 (* 2 eps)) (/ (- 1 s) (- 1 eps)))) 1)',
    },
  },
  {
    id: 'held',
    says: 'A forged reply gains nothing if the chance to be caught is at least p / (H + p): the held amount is a martingale at best',
    reals: ['p', 'h', 'q'],
    assume: ['(> p 0)', '(>= h 0)', '(<= q 1)', '(>= q (/ p (+ h p)))'],
    claim: '(<= (- (* (- 1 q) p) (* q h)) 0)',
    twin: { says: 'the chance is below it', assume: ['(> p 0)', '(>= h 0)', '(>= q 0)', '(< q (/ p (+ h p)))'] },
  },
  {
    id: 'rate',
    says: 'The audited part of audit-rate.ts makes that chance so, wherever coverage suffices at all',
    reals: ['p', 'h', 's', 'a'],
    assume: ['(> p 0)', '(>= h 0)', '(> s 0)', '(<= s 1)', '(>= a (/ p (* s (+ h p))))'],
    claim: '(>= (* a s) (/ p (+ h p)))',
    twin: {
      says: 'soundness is left out of it',
      assume: ['(> p 0)', '(>= h 0)', '(> s 0)', '(<= s 1)', '(>= a (/ p (+ h p)))'],
    },
  },
  {
    id: 'wash',
    says: 'A dealer that owns every role and pays itself loses at least (1 - lambda) of the recycled share',
    reals: ['p', 's', 'lambda', 'e'],
    assume: SHARE,
    claim: '(<= (- (+ (* (- 1 s) p) e) p) (- (* (- 1 lambda) (* s p))))',
    twin: {
      says: 'the recycled share goes to a treasury that the dealer owns',
      claim: '(<= (- (+ p e) p) (- (* (- 1 lambda) (* s p))))',
    },
  },
  {
    id: 'net-issuance',
    says: 'Under the same bound an emission never exceeds the recycled amount of its replies: the circulating supply does not grow',
    reals: ['p', 's', 'lambda', 'e'],
    assume: SHARE,
    claim: '(< (- e (* s p)) 0)',
    twin: {
      says: 'lambda may be more than one',
      assume: [
        '(> p 0)',
        '(> s 0)',
        '(< s 1)',
        '(>= lambda 0)',
        '(<= lambda 2)',
        '(>= e 0)',
        '(<= e (* lambda (* s p)))',
      ],
    },
  },
  {
    id: 'mint',
    says: 'A mint within 0.95 of the burn gives a dealer with every role less than it burned',
    reals: ['b', 'e', 'z', 't'],
    assume: ['(> b 0)', '(>= e 0)', '(<= e 0.95)', '(>= z 0)', '(<= z 1)', '(>= t 0)', '(<= t 1)'],
    claim: '(< (* e b (+ 0.75 (* 0.15 z) (* 0.1 t))) b)',
    twin: {
      says: 'an elasticity of 1.5',
      assume: ['(> b 0)', '(= e 1.5)', '(>= z 0)', '(<= z 1)', '(>= t 0)', '(<= t 1)'],
    },
  },
  {
    id: 'verifier',
    says: 'Honest work dominates exactly where d (w + B) exceeds the cost of the work',
    reals: ['w', 'a', 'd', 'b'],
    assume: ['(> w 0)', '(> a 0)', '(> d 0)', '(<= d 1)', '(>= b 0)'],
    claim: '(= (> (- w a) (- (* (- 1 d) w) (* d b))) (> (* d (+ w b)) a))',
    twin: { says: 'pay is given for refuted reports too', claim: '(= (> (- w a) (- w (* d b))) (> (* d (+ w b)) a))' },
  },
  {
    id: 'reporter',
    says: 'With (1 - r) S > G reporting oneself loses, and with n r > 1 buying n reporters’ silence costs more than the slash',
    reals: ['s', 'g', 'r', 'n'],
    assume: ['(> s 0)', '(>= g 0)', '(> r 0)', '(< r 1)', '(> n 0)', '(> (* (- 1 r) s) g)', '(> (* n r) 1)'],
    claim: '(and (< (- (+ g (* r s)) s) 0) (> (* n (* r s)) s))',
    twin: {
      says: 'the reporter has the whole slash',
      assume: ['(> s 0)', '(>= g 0)', '(= r 1)', '(> n 0)', '(> (* n r) 1)'],
    },
  },
  {
    id: 'bonds',
    says: 'Unvested money is at most half the signers’ bonds, so a quorum that takes all of it gains less than half of its bonds',
    reals: ['u', 'b', 'x'],
    assume: ['(> b 0)', '(>= u 0)', '(<= (* 2 u) b)', '(>= x 0)', '(< x 1)'],
    claim: '(< (* x u) (* 0.5 b))',
    twin: { says: 'unvested money has no bound', assume: ['(> b 0)', '(>= u 0)', '(>= x 0)', '(< x 1)'] },
  },
  {
    id: 'majority',
    says: 'A quorum leaves no other quorum: validators with over two thirds of the votes cannot be convicted, and lose bonds only by contradictions',
    reals: ['t', 'q'],
    assume: ['(> t 0)', '(<= q t)', '(> (* 3 q) (* 2 t))'],
    claim: '(not (> (* 3 (- t q)) (* 2 t)))',
    twin: { says: 'a quarter of the votes convicts', claim: '(not (> (* 4 (- t q)) t))' },
  },
  {
    id: 'staking',
    says: 'The locked part phi V / (r + phi V) lies between 0 and 1, and solves the yield condition (Proposition 4)',
    reals: ['phi', 'v', 'r', 'sigma'],
    assume: ['(> phi 0)', '(> v 0)', '(> r 0)', '(= sigma (/ (* phi v) (+ r (* phi v))))'],
    claim: '(and (> sigma 0) (< sigma 1) (= (* phi v (- 1 sigma)) (* r sigma)))',
    twin: { says: 'velocity does not matter', claim: '(= (* phi (- 1 sigma)) (* r sigma))' },
  },
  {
    id: 'admission',
    says: 'Admission keeps what is reserved within the escrow (Proposition 5)',
    reals: ['escrow', 'reserved', 'amount', 'after'],
    assume: [
      ...['(>= escrow 0)', '(>= reserved 0)', '(> amount 0)', '(<= reserved escrow)'],
      '(= after (ite (<= (+ reserved amount) escrow) (+ reserved amount) reserved))',
    ],
    claim: '(<= after escrow)',
    twin: {
      says: 'orders are taken by signatures alone',
      assume: [
        '(>= escrow 0)',
        '(>= reserved 0)',
        '(> amount 0)',
        '(<= reserved escrow)',
        '(= after (+ reserved amount))',
      ],
    },
  },
  {
    id: 'identities',
    says: 'More identities than F / (lambda W) make the challenges outgrow the throughput (Proposition 6)',
    reals: ['f', 'lambda', 'w', 'k'],
    assume: ['(> f 0)', '(> lambda 0)', '(> w 0)', '(> k (/ f (* lambda w)))'],
    claim: '(> (* k lambda w) f)',
    twin: {
      says: 'as many as fit',
      assume: ['(> f 0)', '(> lambda 0)', '(> w 0)', '(> k 0)', '(<= k (/ f (* lambda w)))'],
    },
  },
  {
    id: 'launch',
    says: 'A buyer at the launch that sells back has no more than before, at any point of the curve and with any rounding against it',
    reals: ['reserve', 'left', 'payment', 'amount', 'back'],
    assume: [...BOUGHT, '(<= (* back left) (* amount (+ reserve payment)))'],
    claim: '(<= back payment)',
    twin: {
      says: 'a sale is paid the price from before it',
      assume: [...BOUGHT, '(< amount left)', '(<= (* back (- left amount)) (* amount (+ reserve payment)))'],
    },
  },
  {
    id: 'budget',
    says: `Where v is at least ${AUDIT_COST} alpha rho, the verification share pays for the audits`,
    reals: ['v', 'alpha', 'rho', 'p'],
    assume: ['(> p 0)', '(>= alpha 0)', '(<= alpha 1)', '(>= rho 0)', `(>= v (* ${AUDIT_COST} alpha rho))`],
    // So many jobs for each audit, at rho times the provider's cost, 0.9598 x 0.8 of the fee, with 10 % for the verifier.
    claim: `(>= (* v p) (* ${JOBS_PER_AUDIT} alpha rho 0.9598 0.8 1.1 p))`,
    twin: {
      says: 'pairs and honeypots are left out',
      assume: ['(> p 0)', '(> alpha 0)', '(<= alpha 1)', '(> rho 0)', '(>= v (* 0.845 alpha rho))'],
    },
  },
];

/** As a script that is unsatisfiable where the statement holds for all values. */
export function toScript({ reals, assume, claim }: Pick<Proposition, 'reals' | 'assume' | 'claim'>): string {
  return [
    ...reals.map((name) => `(declare-const ${name} Real)`),
    ...assume.map((condition) => `(assert ${condition})`),
    `(assert (not ${claim}))`,
  ].join('\n');
}
