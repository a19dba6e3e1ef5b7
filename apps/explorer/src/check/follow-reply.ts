import type { Deployment } from '@ogong/chain/deployment';
import { readSettledBatch } from '@ogong/chain/settlement/settled-batch';
import { readSigningKeys } from '@ogong/chain/validators/votes';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { check, skip } from '@ogong/protocol/base/checks';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { checkSettledEntry } from '@ogong/protocol/verdict/receipt/settled';
import type { IntakeEvidence, SettledEvidence, UnsettledReply } from '@ogong/sdk';
import type { RelayedReply } from '../data/api.ts';
import type { ChainReader } from '../data/rpc.ts';

/** A reply without its receipt: its validator's claims, and the chain's proof of them. */
export interface ReplyTrail {
  readonly told: RelayedReply;
  readonly entry: VerdictEntry | undefined;
  readonly settled: SettledEvidence | UnsettledReply;
  readonly intake: IntakeEvidence | UnsettledReply;
  readonly checks: readonly Check[];
}

const TWO_HOURS_MS = 7_200_000;

/** @param reader undefined if the chain cannot be asked. */
export async function followReply(
  replyId: Uint8Array,
  told: RelayedReply,
  { reader, deployment, nowMs }: { reader: ChainReader | undefined; deployment: Deployment | undefined; nowMs: number },
): Promise<ReplyTrail> {
  const none = (problem: string) => ({ told, entry: undefined, settled: { problem }, intake: { problem } });
  if (reader === undefined || deployment === undefined) {
    const problem = 'the chain is not read, so all of this is a claim of the validator';
    return { ...none(problem), checks: [skip('quorum', problem)] };
  }
  const intake = await readIntake(told, { reader, deployment, nowMs });
  if (told.settled === undefined) {
    const problem = told.state === 'settled' ? 'the validator does not show the entry now' : 'it is not settled yet';
    return { ...none(problem), intake, checks: [skip('quorum', problem)] };
  }
  const { transaction, ...way } = told.settled;
  try {
    const batch = await readSettledBatch(crypto, { transactor: reader, deployment }, transaction);
    const settled = { ...way, ...batch };
    const domain = { chainId: BigInt(deployment.chainId), verifyingContract: bytes(deployment.settlement) };
    const { checks, entry } = checkSettledEntry(crypto, { replyId, validator: told.validator, domain }, settled);
    return { told, entry, settled, intake, checks: [...checks, ...compareWords(told, entry)] };
  } catch (error) {
    const problem = `the settlement cannot be read: ${(error as Error).message}`;
    return { ...none(problem), intake, checks: [skip('quorum', problem)] };
  }
}

const bytes = (hex: string): Uint8Array => fromHex(hex.slice(2));

/** Compares the validator's other claims with its settled entry. */
function compareWords(told: RelayedReply, entry: VerdictEntry | undefined): Check[] {
  if (entry === undefined) return [];
  const ok = told.verdict === entry.verdict;
  return [
    check('told-verdict', ok, [
      `the validator says ${told.verdict}, as its log does`,
      `the validator says ${told.verdict}, its log says ${entry.verdict}`,
    ]),
  ];
}

/** Reads the keys that signed for the validator about now. Only the receipt shows the record that it signed for. */
async function readIntake(
  told: RelayedReply,
  { reader, deployment, nowMs }: { reader: ChainReader; deployment: Deployment; nowMs: number },
): Promise<IntakeEvidence | UnsettledReply> {
  if (told.intake === undefined) return { problem: 'the validator does not show its confirmation of the record' };
  try {
    const keys = await readSigningKeys(reader, deployment, {
      account: told.validator,
      timesMs: [nowMs - TWO_HOURS_MS, nowMs],
    });
    return { ...told.intake, signingKeys: keys.map(bytes) };
  } catch (error) {
    return { problem: `the validator's keys cannot be read: ${(error as Error).message}` };
  }
}
