import { type Check, fail, pass, skip } from '@ogong/protocol/base/checks';
import { computeGenesisBeacon } from '@ogong/protocol/beacon/beacon';
import { parseEpochCertificate, readEpochValue } from '@ogong/protocol/beacon/epoch-certificate';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { hashAdmission } from '@ogong/protocol/exchange/admission';
import { hashOrder, parseOrder } from '@ogong/protocol/exchange/order';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import {
  ATTESTED_ROLES,
  type AttestedRole,
  computeRoleNonce,
  computeRoleReportData,
  nameSigningKey,
  parseRoleEvidence,
  type RoleEvidence,
  type RoleKeys,
  rolePart,
} from '@ogong/protocol/tier/attested-role';
import { checkMachineReport, type MachineReader } from './machine-check.ts';

/** The beacon that evidence of a role answers. */
interface AnsweredEpoch {
  readonly epoch: bigint;
  /** 32 bytes. */
  readonly value: Uint8Array;
}

/** Whether the machine of a router, or of a validator, is one that the policy takes, names this key and certificate, and answers this epoch. */
export async function checkRoleMachine(
  { role, ledger, nodeId, certHash, evidence }: RoleKeys & RoleEvidence,
  { epoch, value: beacon }: AnsweredEpoch,
  reader: MachineReader,
): Promise<Check> {
  const { crypto } = reader;
  const nonce = computeRoleNonce(crypto, { epoch, beacon, certHash });
  const reportData = computeRoleReportData(crypto, { role, ledger, nodeId, certHash }, nonce);
  const [machine] = await checkMachineReport(evidence, reportData, reader);
  if (machine?.status !== 'pass') return fail(rolePart(role), machine?.detail ?? 'nothing could be checked');
  return pass(rolePart(role), `the ${role}'s key and certificate, in epoch ${epoch}: ${machine.detail}`);
}

export interface RoleReader extends MachineReader {
  /** Contract of the settlement, where the reader knows it: evidence of the first epoch answers a value that follows from it. */
  readonly settlement?: Uint8Array | undefined;
  /** Roles that have to have shown their machines. Default: none. */
  readonly demanded?: readonly AttestedRole[];
}

/**
 * Checks `router-machine` and `validator-machine` of a receipt that carries such evidence, or if its reader demands it. The key that
 * signed its ticket, or its admission, must belong to a machine that the policy accepts. Nothing throws.
 */
export async function checkReceiptRoles(receipt: Receipt, reader: RoleReader): Promise<Check[]> {
  const { demanded = [] } = reader;
  const checks: Check[] = [];
  for (const role of ATTESTED_ROLES) {
    const bytes = receipt.evidence?.get(rolePart(role));
    if (bytes !== undefined) checks.push(await checkPart(receipt, { role, bytes }, reader));
    else if (demanded.includes(role)) checks.push(fail(rolePart(role), `the ${role} has shown no machine`));
  }
  return checks;
}

async function checkPart(
  receipt: Receipt,
  { role, bytes }: { readonly role: AttestedRole; readonly bytes: Uint8Array },
  reader: RoleReader,
): Promise<Check> {
  try {
    const { crypto } = reader;
    const part = parseRoleEvidence(bytes);
    const beacon = readBeacon(receipt, reader);
    if (beacon === undefined)
      return skip(rolePart(role), 'genesis epoch: no settlement contract given to compute its value from');
    const nodeId = role === 'router' ? hashHybridKey(crypto, receipt.ticket.publicKey) : readSigner(receipt, crypto);
    // The validator's signature over this time is a check of its own.
    const seenMs = reader.seenMs ?? Number(receipt.admission.timeMs);
    return await checkRoleMachine({ role, ledger: receipt.ledger, nodeId, ...part }, beacon, { ...reader, seenMs });
  } catch (error) {
    return fail(rolePart(role), `the evidence cannot be read: ${(error as Error).message}`);
  }
}

/** Of the order's epoch, as the receipt has it: whether that holds is the check `beacon`. */
function readBeacon({ ledger, order, beacon }: Receipt, { crypto, settlement }: RoleReader): AnsweredEpoch | undefined {
  const { epoch } = parseOrder(order.bytes);
  const { chainId } = ledger;
  if (epoch > 0n || beacon.length > 0) return readEpochValue(crypto, ledger, parseEpochCertificate(beacon));
  return settlement && { epoch, value: computeGenesisBeacon(crypto, { chainId, settlement }) };
}

/** Returns the signer of the admission. The check `admission` decides whether it is the validator's key. @throws Error */
function readSigner({ ledger, order, admission }: Receipt, crypto: Crypto): Uint8Array {
  const read = parseOrder(order.bytes);
  const { epoch, timeMs, signature } = admission;
  const said = { validator: read.validator, orderHash: hashOrder(crypto, ledger, read), epoch, timeMs };
  const signer = crypto.recoverAddress(hashAdmission(crypto, ledger, said), signature);
  if (signer === undefined) throw new Error('nobody signed the admission');
  return nameSigningKey(signer);
}

/** A verdict, and what was found about the machines of the roles, in place of what it says about them itself. */
export function addRoleChecks<
  V extends { readonly ok: boolean; readonly checks: readonly Check[]; readonly missing: readonly string[] },
>(verdict: V, found: readonly Check[]): V {
  if (found.length === 0) return verdict;
  const missing = [...verdict.missing, ...found.filter(({ status }) => status === 'skip').map(({ id }) => id)];
  const ok = verdict.ok && found.every(({ status }) => status === 'pass');
  const others = verdict.checks.filter(({ id }) => !found.some((one) => one.id === id));
  return { ...verdict, checks: [...others, ...found], missing, ok };
}
