import { encodeAbiParameters, encodeFunctionData, keccak256, sha256, type TransactionReceipt } from 'viem';
import { computeCreated } from '../deploy/create-contracts.ts';
import type { Deployment } from '../deployment.ts';
import { ChainError } from '../errors.ts';
import { casesAbi, equivocationAbi, hearingsAbi, misroutingAbi, stakingAbi } from '../generated/abi.ts';
import { type Address, type BytesLike, type Hex, lowerHex, toAddress, toHex } from '../hex.ts';
import { listRanges } from '../list-ranges.ts';
import type { Transactor } from '../transactor.ts';

/** As the contract numbers them. */
const offences = [
  'over-admission',
  'false-verdict',
  'contradiction',
  'misrouting',
  'passed-honeypot',
  'refuted-report',
  'forged-machine',
] as const;

type Offence = (typeof offences)[number];

const kinds = ['admission', 'intake', 'log', 'allotment'] as const;
type StatementKind = (typeof kinds)[number];

/** A case against a validator, a router or a payee of verifiers. */
export interface LedgerCase {
  readonly id: number;
  readonly accused: Address;
  readonly offence: Offence;
  /** Seconds since 1970. */
  readonly openedAt: bigint;
  readonly isOver: boolean;
  readonly reporter: Address;
  readonly amount: bigint;
  readonly evidence: Hex;
}

/** One penalty of those that are held for a payee. */
export interface TakenPenalty {
  /** Its number: names its hearing. */
  readonly penalty: number;
  readonly amount: bigint;
  /** Reports that were refuted. */
  readonly refuted: number;
  readonly block: bigint;
}

export interface LedgerHearing {
  /** 0 where nobody appealed. */
  readonly drawnFrom: bigint;
  /** Empty until it is drawn. */
  readonly panel: readonly Address[];
}

/** The subject of an appeal. */
export type AppealSubject =
  | { readonly case: number }
  | { readonly ejected: BytesLike }
  /** Of the penalties the one that was appealed against. */
  | { readonly penalized: BytesLike; readonly appealed?: number }
  /** Stops the clock of what a key earned. @see FREEZE_PERIOD_S for the period. */
  | { readonly freeze: BytesLike; readonly period: number };

/** Appeals that ask for a panel. */
export interface OpenedHearings {
  /** Names of what was appealed against. */
  readonly subjects: readonly Hex[];
  /** From this block on the next reading looks: the newest blocks may still be replaced. */
  readonly next: bigint;
  /** Of the newest block, seconds since 1970. */
  readonly now: bigint;
}

/** The hash of a block draws a panel for so many blocks (EIP-2935). */
const KNOWN_HASHES = 8_191n;
/** So many blocks are looked at again. */
const REPLACEABLE = 32n;

const placeTypes = [{ type: 'uint8' }, { type: 'bytes32' }] as const;

type Where = Pick<Deployment, 'cases' | 'hearings' | 'equivocation' | 'settlement' | 'staking' | 'block'>;

export function createCaseReads({ read }: Pick<Transactor, 'read'>, where: Where) {
  const cases = { address: where.cases, abi: casesAbi } as const;
  return {
    /** How often a quorum has convicted an account, for whatever, and when last for this offence. */
    convictionsOf(
      accused: BytesLike,
      offence: Offence = 'over-admission',
    ): Promise<{ readonly count: number; readonly atMs: bigint }> {
      const args = [toAddress(accused, 'accused'), offences.indexOf(offence)] as const;
      return read('convictions', async (client) => {
        const [count, at] = await client.readContract({ ...cases, functionName: 'convictionsOf', args });
        return { count, atMs: at * 1_000n };
      });
    },
    caseOf(id: number): Promise<LedgerCase> {
      return read('a case', async (client) => {
        const found = await client.readContract({ ...cases, functionName: 'caseOf', args: [BigInt(id)] });
        return { ...lowerHex(found), id, offence: offences[found.offence] as Offence };
      });
    },
    caseCount(): Promise<number> {
      return read('cases', async (client) =>
        Number(await client.readContract({ ...cases, functionName: 'caseCount' })),
      );
    },
    hearingOf(subject: BytesLike): Promise<LedgerHearing> {
      const args = [toHex(subject, 'subject', 32)] as const;
      const hearings = { address: where.hearings, abi: hearingsAbi } as const;
      return read('a hearing', async (client) => {
        const { drawnFrom, panel } = await client.readContract({ ...hearings, functionName: 'hearingOf', args });
        return { drawnFrom, panel: panel.map((account) => lowerHex(account)) };
      });
    },
    /** Finds appeals, and late draws that need another one. @param from the last reading's `next`; at first it reads the last 8,191 blocks. `ogong case draw` draws an older appeal late. */
    hearingsOpened(from?: bigint): Promise<OpenedHearings> {
      const event = { address: where.hearings, abi: hearingsAbi, eventName: 'HearingOpened', strict: true } as const;
      return read('appeals', async (client) => {
        const { number: last, timestamp: now } = await client.getBlock();
        const least = BigInt(where.block);
        const first = from ?? last - KNOWN_HASHES;
        const subjects: Hex[] = [];
        for (const range of listRanges(first < least ? least : first, last)) {
          for (const { args } of await client.getContractEvents({ ...event, ...range })) {
            subjects.push(lowerHex(args.subject));
          }
        }
        return { subjects, next: last - REPLACEABLE, now };
      });
    },
    /** Penalties that are held for a payee, the oldest first: all since it was pardoned, or they were collected. Searches all events. */
    penaltiesOf(payee: BytesLike): Promise<readonly TakenPenalty[]> {
      const args = { payee: toAddress(payee, 'payee') } as const;
      const staking = { address: where.staking, abi: stakingAbi, args, strict: true } as const;
      return read('penalties', async (client) => {
        let held: TakenPenalty[] = [];
        const last = await client.getBlockNumber({ cacheTime: 0 });
        for (const range of listRanges(BigInt(where.block), last)) {
          const [taken, ...over] = await Promise.all([
            client.getContractEvents({ ...staking, ...range, eventName: 'Penalized' }),
            client.getContractEvents({ ...staking, ...range, eventName: 'Pardoned' }),
            client.getContractEvents({ ...staking, ...range, eventName: 'PenaltyCollected' }),
          ]);
          const place = (log: {
            readonly blockNumber: bigint;
            readonly logIndex: number;
          }): readonly [bigint, number] => [log.blockNumber, log.logIndex];
          const isLater = (a: readonly [bigint, number], b: readonly [bigint, number]): boolean =>
            a[0] === b[0] ? a[1] > b[1] : a[0] > b[0];
          const ends = over.flat().map(place);
          if (ends.length > 0) held = [];
          for (const log of taken) {
            if (ends.some((end) => isLater(end, place(log)))) continue;
            const { penalty, amount, refuted } = log.args;
            held.push({ penalty, amount, refuted, block: log.blockNumber });
          }
        }
        return held;
      });
    },
    /** The deposit of the appeal against a subject; zero if there was no appeal, or if it was returned or paid. */
    appealDepositOf(subject: BytesLike): Promise<{ readonly from: Address; readonly amount: bigint }> {
      const args = [toHex(subject, 'subject', 32)] as const;
      return read('a deposit', async (client) => {
        const { from, amount } = await client.readContract({ ...cases, functionName: 'depositOf', args });
        return { from: toAddress(from, 'from'), amount };
      });
    },
    /** Reads the statement that a validator signs, by the contract. @param members of the signed struct, 32 bytes each */
    readStatement(kind: StatementKind, members: BytesLike): Promise<{ readonly digest: Hex; readonly evidence: Hex }> {
      const args = [kinds.indexOf(kind), toHex(members, 'members')] as const;
      return read('a statement', async (client) => {
        const contract = { address: where.equivocation, abi: equivocationAbi } as const;
        const [place, , , digest] = await client.readContract({ ...contract, functionName: 'read', args });
        return { digest, evidence: keccak256(encodeAbiParameters(placeTypes, [args[0], place])) };
      });
    },
    /** Whether a case was opened by this evidence: it opens no second one. */
    isProven(accused: BytesLike, evidence: BytesLike): Promise<boolean> {
      const args = [toAddress(accused, 'accused'), toHex(evidence, 'evidence', 32)] as const;
      return read('what was proven', (client) => client.readContract({ ...cases, functionName: 'isUsed', args }));
    },
    /** Deposit of an appeal against an ejection or a penalty. */
    appealDeposit(): Promise<bigint> {
      return read('the deposit', (client) => client.readContract({ ...cases, functionName: 'deposit' }));
    },
  };
}

/** Two words that contradict each other. */
export interface EquivocationProof {
  readonly kind: StatementKind;
  readonly accused: BytesLike;
  readonly statements: readonly [SignedWords, SignedWords];
}

/** The members of the signed struct, 32 bytes each, and a time at which the key signed for the accused, seconds since 1970. */
interface SignedWords {
  readonly members: BytesLike;
  /** 65 bytes; or the code of a roster and a sum, 308 bytes. */
  readonly signature: BytesLike;
  readonly time: bigint;
}

/** A ticket, and the list that it names, by which its router has misrouted (docs/spec/cases.md). */
export interface MisroutingProof {
  /** The account that the ticket names. */
  readonly router: BytesLike;
  /** Exact bytes. */
  readonly ticket: BytesLike;
  /** Hybrid public key, 1,344 bytes. */
  readonly routerKey: BytesLike;
  /** Of Ed25519, 64 bytes: the first part of the hybrid one. */
  readonly signature: BytesLike;
  /** Exact bytes. */
  readonly candidates: BytesLike;
}

/** The contract of misroutings is what the contract of cases creates third. */
export const misroutingOf = ({ cases }: Pick<Deployment, 'cases'>): Address => computeCreated(cases, 3);

/** Name of a misrouted ticket as evidence. */
export const nameTicket = (ticket: BytesLike): Hex => sha256(toHex(ticket, 'ticket'));

const SIGNATURE_BYTES = 65;
/** The code of a roster, 20 bytes, and a sum. */
const SUM_BYTES = 308;

function toStatement({ members, signature, time }: SignedWords) {
  const signed = toHex(signature, 'signature');
  const size = (signed.length - 2) / 2;
  if (size !== SIGNATURE_BYTES && size !== SUM_BYTES)
    throw new ChainError(
      'bad-input',
      `a signature has ${SIGNATURE_BYTES} bytes, or ${SUM_BYTES} with a sum, not ${size}`,
    );
  return { members: toHex(members, 'members'), signature: signed, time };
}

/** Hides a proof until it is shown. @param salt 32 random bytes. */
function sealProof(reporter: Address, accused: Address, evidence: Hex, salt: Hex): Hex {
  const types = [{ type: 'address' }, { type: 'address' }, { type: 'bytes32' }, { type: 'bytes32' }] as const;
  return keccak256(encodeAbiParameters(types, [reporter, accused, evidence, salt]));
}

export function createCaseWrites(
  { address: own, read, send }: Transactor,
  where: Where,
  allow: (spender: Address, amount: bigint) => Promise<void>,
) {
  const { cases, hearings, equivocation } = where;
  const { readStatement } = createCaseReads({ read }, where);
  const toQuorum = (signatures: readonly BytesLike[]): Hex[] =>
    signatures.map((signature) => toHex(signature, 'signature', 65));
  return {
    /**
     * Opens a case that a quorum has checked the evidence of; anyone may submit it.
     * @param quorum over the contract's `convictionDigest` of the accused's next conviction, ascending by signer.
     */
    convict: (
      conviction: {
        readonly offence: Offence;
        readonly accused: BytesLike;
        readonly reporter: BytesLike;
        readonly evidence: BytesLike;
      },
      quorum: readonly BytesLike[],
    ): Promise<TransactionReceipt> => {
      const { offence, accused, reporter, evidence } = conviction;
      const args = [
        offences.indexOf(offence),
        toAddress(accused, 'accused'),
        toAddress(reporter, 'reporter'),
        toHex(evidence, 'evidence', 32),
        toQuorum(quorum),
      ] as const;
      return send('convict', cases, encodeFunctionData({ abi: casesAbi, functionName: 'convict', args }));
    },
    /**
     * Announces two signatures that contradict each other, so that nobody takes the share: `proveEquivocation` shows them a block or more
     * later.
     * @param secret 32 random bytes that hide them until then.
     */
    async announceEquivocation(
      { kind, accused, statements: [{ members }] }: EquivocationProof,
      secret: BytesLike,
    ): Promise<TransactionReceipt> {
      const { evidence } = await readStatement(kind, members);
      const seal = sealProof(own as Address, toAddress(accused, 'accused'), evidence, toHex(secret, 'secret', 32));
      const data = encodeFunctionData({ abi: equivocationAbi, functionName: 'announce', args: [seal] });
      return send('announce a proof', equivocation, data);
    },
    /** Opens a case against the validator. @param secret of the announcement. */
    proveEquivocation(
      { kind, accused, statements }: EquivocationProof,
      secret: BytesLike,
    ): Promise<TransactionReceipt> {
      const [first, second] = [toStatement(statements[0]), toStatement(statements[1])];
      const of = toAddress(accused, 'accused');
      const args = [kinds.indexOf(kind), of, first, second, toHex(secret, 'secret', 32)] as const;
      const data = encodeFunctionData({ abi: equivocationAbi, functionName: 'prove', args });
      return send('prove a contradiction', equivocation, data);
    },
    /**
     * Announces a misrouting, so that nobody takes the share: `proveMisrouting` shows it a block or more later.
     * @param secret 32 random bytes that hide it until then.
     */
    announceMisrouting({ router, ticket }: MisroutingProof, secret: BytesLike): Promise<TransactionReceipt> {
      const seal = sealProof(
        own as Address,
        toAddress(router, 'router'),
        nameTicket(ticket),
        toHex(secret, 'secret', 32),
      );
      const data = encodeFunctionData({ abi: misroutingAbi, functionName: 'announce', args: [seal] });
      return send('announce a proof', misroutingOf(where), data);
    },
    /** Opens a case against the router. @param secret of the announcement. */
    proveMisrouting(
      { ticket, routerKey, signature, candidates }: MisroutingProof,
      secret: BytesLike,
    ): Promise<TransactionReceipt> {
      const signed = {
        ticket: toHex(ticket, 'ticket'),
        routerKey: toHex(routerKey, 'routerKey', 1_344),
        signature: toHex(signature, 'signature', 64),
      };
      const args = [signed, toHex(candidates, 'candidates'), toHex(secret, 'secret', 32)] as const;
      const data = encodeFunctionData({ abi: misroutingAbi, functionName: 'prove', args });
      return send('prove a misrouting', misroutingOf(where), data);
    },
    /** Asks for a panel. Against an ejection or a penalty it puts a deposit down. */
    async appeal(subject: AppealSubject, deposit: bigint): Promise<TransactionReceipt> {
      if (!('case' in subject)) await allow(cases, deposit);
      return send('appeal', cases, encodeAppeal(subject));
    },
    /** Draws the panel of a hearing, a block or more after the appeal. */
    drawPanel: (subject: BytesLike): Promise<TransactionReceipt> => {
      const args = [toHex(subject, 'subject', 32)] as const;
      return send('draw a panel', hearings, encodeFunctionData({ abi: hearingsAbi, functionName: 'draw', args }));
    },
    /** Lifts what was decided. @param votes of more than half of the panel, ascending by signer. */
    lift: (subject: AppealSubject, votes: readonly BytesLike[]): Promise<TransactionReceipt> =>
      send('lift', cases, encodeLift(subject, toQuorum(votes))),
    /** Pays the treasury what an appeal in vain put down, once it is over; anyone may. */
    forfeitDeposit: (subject: BytesLike): Promise<TransactionReceipt> => {
      const args = [toHex(subject, 'subject', 32)] as const;
      return send('forfeit a deposit', cases, encodeFunctionData({ abi: casesAbi, functionName: 'forfeit', args }));
    },
    /** Pays reporter and treasury once the appeal is over. */
    closeCase: (id: number): Promise<TransactionReceipt> =>
      send('close', cases, encodeFunctionData({ abi: casesAbi, functionName: 'close', args: [BigInt(id)] })),
  };
}

/** Seconds: a freeze is named by the period in which it was asked for. */
export const FREEZE_PERIOD_S = 86_400;

function encodeAppeal(subject: AppealSubject): Hex {
  if ('freeze' in subject) {
    const args = [toHex(subject.freeze, 'freeze', 32)] as const;
    return encodeFunctionData({ abi: casesAbi, functionName: 'requestFreeze', args });
  }
  if ('case' in subject) {
    return encodeFunctionData({ abi: casesAbi, functionName: 'appeal', args: [BigInt(subject.case)] });
  }
  if ('ejected' in subject) {
    const args = [toHex(subject.ejected, 'ejected', 32)] as const;
    return encodeFunctionData({ abi: casesAbi, functionName: 'appealEjection', args });
  }
  const args = [toAddress(subject.penalized, 'penalized')] as const;
  return encodeFunctionData({ abi: casesAbi, functionName: 'appealPenalty', args });
}

function encodeLift(subject: AppealSubject, votes: readonly Hex[]): Hex {
  if ('freeze' in subject) {
    const args = [toHex(subject.freeze, 'freeze', 32), BigInt(subject.period), votes] as const;
    return encodeFunctionData({ abi: casesAbi, functionName: 'freeze', args });
  }
  if ('case' in subject) {
    return encodeFunctionData({ abi: casesAbi, functionName: 'acquit', args: [BigInt(subject.case), votes] });
  }
  if ('ejected' in subject) {
    const args = [toHex(subject.ejected, 'ejected', 32), votes] as const;
    return encodeFunctionData({ abi: casesAbi, functionName: 'reinstate', args });
  }
  const { penalized, appealed } = subject;
  if (appealed === undefined) throw new ChainError('bad-input', 'a pardon names the penalty that was appealed against');
  const args = [toAddress(penalized, 'penalized'), appealed, votes] as const;
  return encodeFunctionData({ abi: casesAbi, functionName: 'pardon', args });
}

/** The name of what is appealed against, as the hearing has it. @param number of the ejection, or of the penalty. */
export function nameSubject(subject: AppealSubject, number = 0): Hex {
  const id = [{ type: 'string' }, { type: 'uint256' }] as const;
  if ('case' in subject) return keccak256(encodeAbiParameters(id, ['case', BigInt(subject.case)]));
  if ('freeze' in subject) {
    const types = [{ type: 'string' }, { type: 'bytes32' }, { type: 'uint256' }] as const;
    const values = ['freeze', toHex(subject.freeze, 'freeze', 32), BigInt(subject.period)] as const;
    return keccak256(encodeAbiParameters(types, values));
  }
  if ('ejected' in subject) {
    const types = [{ type: 'string' }, { type: 'bytes32' }, { type: 'uint32' }] as const;
    return keccak256(encodeAbiParameters(types, ['ejection', toHex(subject.ejected, 'ejected', 32), number]));
  }
  const types = [{ type: 'string' }, { type: 'address' }, { type: 'uint32' }] as const;
  return keccak256(encodeAbiParameters(types, ['penalty', toAddress(subject.penalized, 'penalized'), number]));
}
