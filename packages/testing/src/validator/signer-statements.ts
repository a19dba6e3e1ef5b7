import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { nobleBls } from '@ogong/protocol/crypto/noble-bls';
import { summarizeSettlement } from '@ogong/protocol/settlement/batch';
import { createShareSigner } from '@ogong/protocol/settlement/quorum-sum';
import type { ValidatorStatement } from '@ogong/protocol/settlement/validator-statement';
import { appendVerdict, computeGenesisPosition, type LogPosition } from '@ogong/protocol/settlement/verdict-log';
import { testCrypto as crypto } from './test-crypto.ts';
import { createTestLedgerSigner, seedOf } from './test-keys.ts';

/** The account that a signer under test signs for, and its key. */
export const signerAccount = createTestLedgerSigner(seedOf('signer account')).address;
export const signerKeySeed = seedOf('signer key');
export const signerKey = createTestLedgerSigner(signerKeySeed);
export const signerShare = createShareSigner(nobleCrypto, nobleBls, signerKeySeed);

const domain = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(6) };
const bytes32 = (text: string): Uint8Array => seedOf(text);

export type BatchStatement = Extract<ValidatorStatement, { kind: 'batch' }>;

export interface TestLog {
  readonly entries: readonly Uint8Array[];
  /** The log's position after this many entries. */
  readonly positions: readonly LogPosition[];
}

/** A log of the given replies. Two logs with a common beginning are equal that far. */
export function createTestLog(replies: readonly string[], validator = signerAccount): TestLog {
  const { chainId, verifyingContract: settlement } = domain;
  const positions: LogPosition[] = [computeGenesisPosition(crypto, { chainId, settlement, validator })];
  const entries = replies.map((reply) => {
    const { bytes, position } = appendVerdict(crypto, positions.at(-1) as LogPosition, {
      ...{ replyId: bytes32(reply).slice(0, 16), recordHash: bytes32('record'), providerId: bytes32('provider') },
      ...{ payee: new Uint8Array(20).fill(1), payer: new Uint8Array(20).fill(2), router: new Uint8Array(20) },
      ...{ verdict: 'reject', evidence: 'exact', feeAtomic: 0n, fineAtomic: 0n, verifiers: [], beaconEpoch: 3n },
      ...{ evidenceHash: bytes32('evidence'), step: 'none', eValuePpm: 0, ejects: false, timeMs: 1 },
    });
    positions.push(position);
    return bytes;
  });
  return { entries, positions };
}

/** A batch from a part of a log. @param to the last entry. Default: the end. */
export function stateBatch(
  { entries, positions }: TestLog,
  { sequence = 1n, from = 0, to = entries.length, validator = signerAccount } = {},
): BatchStatement {
  const { head, length } = positions[to] as LogPosition;
  const batch = { validator, sequence, logHead: head, logLength: length, recordsRoot: new Uint8Array(32), replies: 0 };
  const summary = summarizeSettlement(crypto, { batch, debits: [], lines: [], ejections: [], tallies: [] });
  return { kind: 'batch', domain, summary, entries: entries.slice(from, to) };
}

/** A vote for the value of that name. */
export function stateVote(
  value: string,
  { epoch = 5n, view = 0, phase = 'prepare' as 'prepare' | 'commit' } = {},
): ValidatorStatement {
  const [set, previous] = [bytes32('set'), bytes32('previous')];
  const statement = { epoch, view, previous, value: bytes32(value), set, following: set, next: set, block: 7n };
  return { kind: 'beacon-vote', domain, phase, statement };
}

export const stateIntake = (validator = signerAccount): ValidatorStatement => ({
  ...{ kind: 'intake', domain, validator, epoch: 4n },
  ...{ orderHash: bytes32('order'), recordHash: bytes32('record') },
});

export const stateHeld = (validator = signerAccount): ValidatorStatement => ({
  ...{ kind: 'held', domain, validator, delivery: bytes32('delivery') },
});

export const stateAdmission = (validator = signerAccount): ValidatorStatement => ({
  ...{ kind: 'admission', domain, validator, orderHash: bytes32('order'), epoch: 4n, timeMs: 1_700_000_000_000n },
});

export const stateSilence = (witness = signerAccount): ValidatorStatement => ({
  ...{ kind: 'silence', domain, witness, validator: new Uint8Array(20).fill(3), orderHash: bytes32('order') },
  ...{ target: bytes32('provider'), subject: bytes32('record'), asked: 'opening', isRefused: false },
  ...{ epoch: 4n, timeMs: 1_700_000_000_000 },
});

export const stateReveal = (validator = signerAccount): ValidatorStatement => ({
  ...{ kind: 'reveal', domain, validator, round: bytes32('round') },
});

export const stateConsent = (account = signerAccount): ValidatorStatement => ({ kind: 'signing-key', domain, account });

export const stateQuorumKey = (key: Uint8Array, account = signerAccount): ValidatorStatement => ({
  ...{ kind: 'quorum-key', domain, account, number: 1n, key },
});

export const statePardon = (): ValidatorStatement => ({
  ...{ kind: 'pardon', domain, payee: new Uint8Array(20).fill(4), penalty: 1 },
});

export const stateConviction = (): ValidatorStatement => ({
  ...{
    kind: 'conviction',
    domain,
    offence: 'over-admission',
    accused: new Uint8Array(20).fill(4),
    reporter: new Uint8Array(20),
    evidence: bytes32('evidence'),
    conviction: 1,
  },
});

export const stateAcquittal = (): ValidatorStatement => ({
  ...{ kind: 'acquittal', domain, subject: bytes32('case') },
});

export const stateMachine = (evidence = 'evidence'): ValidatorStatement => ({
  ...{ kind: 'machine', domain, providerId: bytes32('provider'), machine: bytes32('machine'), image: bytes32('image') },
  ...{ evidence: bytes32(evidence), signingKey: bytes32('key'), sealKey: bytes32('seal') },
  ...{ platformKey: new Uint8Array(32), epoch: 4n, until: 1_800_000_000n },
});

export const stateMachineRevocation = (): ValidatorStatement => ({
  ...{ kind: 'machine-revocation', domain, machine: bytes32('machine'), evidence: bytes32('evidence') },
  ...{ isRevoked: true, number: 1 },
});

export const stateAllotment = (root = 'root', number = 3): ValidatorStatement => ({
  ...{ kind: 'allotment', domain, number, until: 1_800_000_000n, root: bytes32(root), units: 1_000n },
});

export const stateReinstatement = (): ValidatorStatement => ({
  ...{ kind: 'reinstatement', domain, providerId: bytes32('provider'), ejection: 1 },
});

/** A deal of that name in an attempt. */
export const stateDeal = (deal: string, attempt = 3): ValidatorStatement => ({
  ...{ kind: 'beacon-key', domain, subject: { generation: 1, era: 2, attempt, set: bytes32('seats') } },
  statement: { kind: 'deal', dealHash: bytes32(deal) },
});

export const stateComplaint = (dealer: number): ValidatorStatement => ({
  ...{ kind: 'beacon-key', domain, subject: { generation: 1, era: 2, attempt: 3, set: bytes32('seats') } },
  statement: { kind: 'complaint', dealer, complainer: 0 },
});

export const stateOutcome = (transcript: string): ValidatorStatement => ({
  ...{ kind: 'beacon-key', domain, subject: { generation: 1, era: 2, attempt: 3, set: bytes32('seats') } },
  statement: { kind: 'outcome', transcript: bytes32(transcript), key: new Uint8Array(48).fill(4) },
});

export const stateRetirement = (lastEpoch: bigint, generation = 1): ValidatorStatement => ({
  ...{ kind: 'beacon-retirement', domain, generation, lastEpoch },
});
