import { type Check, fail, isOk, listSkipped, pass } from '@ogong/protocol/base/checks';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { type LedgerDomain, parseOrder } from '@ogong/protocol/exchange/order';
import { parseTicket } from '@ogong/protocol/exchange/ticket';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import { checkKeyWord, computeReportData, MACHINE_CHECK, type NamedKeys } from '@ogong/protocol/tier/attestation';
import { nonceOfReply, readAttestation, readExchanges } from '@ogong/protocol/tier/proxied';
import { type EvidencePolicy, verifyEvidence } from './evidence.ts';
import { parseEvidence } from './evidence-file.ts';
import { computeGpuNonce } from './evidence-statement.ts';
import { checkExchangeServer, checkUpstream } from './exchange-server.ts';
import type { MachinePolicy } from './policy-file.ts';

export interface MachineClaim extends NamedKeys {
  /** JSON of docs/spec/machine-evidence.md. */
  readonly evidence: Uint8Array;
  /** Nonce of the caller, 32 bytes. */
  readonly nonce: Uint8Array;
}

export interface MachineReader {
  readonly crypto: Crypto;
  readonly policy: MachinePolicy;
  readonly nowMs: number;
  /** A time that somebody signed whom the reader believes. */
  readonly seenMs?: number;
}

/**
 * Whether a machine is one that the policy takes, and names these keys and this nonce. The first check, `machine`, sums the others up.
 * @throws ProtocolError for keys, or a nonce, of other lengths.
 */
export async function checkMachine(
  { evidence, nonce, ...keys }: MachineClaim,
  reader: MachineReader,
): Promise<Check[]> {
  return checkMachineReport(evidence, computeReportData(reader.crypto, keys, nonce), reader);
}

/** The same of a report that holds other data. @param evidence JSON. @param reportData 64 bytes */
export async function checkMachineReport(
  evidence: Uint8Array,
  reportData: Uint8Array,
  { policy, nowMs, seenMs }: Omit<MachineReader, 'crypto'>,
): Promise<Check[]> {
  const { allow, gpu, authorities: _, upstreams: __, imageList: ___, ...demands } = policy;
  const asked = {
    ...{ ...demands, reportData, ...(seenMs === undefined ? {} : { seenMs }) },
    ...(gpu && { gpuNonce: await computeGpuNonce(reportData) }),
  };
  const checks = await checkEvidenceFile(evidence, asked, nowMs);
  return [sumUp(checks, allow, evidence), ...checks];
}

function sumUp(checks: readonly Check[], allow: readonly string[], evidence: Uint8Array): Check {
  const failed = checks.find(({ status }) => status === 'fail');
  if (failed !== undefined) return fail(MACHINE_CHECK, `${failed.id}: ${failed.detail}`);
  const [skipped] = listSkipped(checks, allow).missing;
  if (skipped !== undefined) {
    const detail = checks.find(({ id }) => id === skipped)?.detail ?? '';
    return fail(MACHINE_CHECK, `the policy does without no ${skipped}: ${detail}`);
  }
  const vendor = checks.find(({ id }) => id === 'cpu-vendor')?.detail ?? '';
  return isOk(checks)
    ? pass(MACHINE_CHECK, `${vendor}; ${evidence.length} bytes of evidence, made for this question`)
    : fail(MACHINE_CHECK, 'nothing could be checked');
}

/** A file of evidence against demands, for a page that has nothing else of this package. Nothing throws. */
export async function checkEvidenceFile(file: Uint8Array, policy: EvidencePolicy, nowMs: number): Promise<Check[]> {
  try {
    return await verifyEvidence(parseEvidence(file), policy, nowMs);
  } catch (error) {
    return [fail('evidence-form', (error as Error).message)];
  }
}

/** A record of tier `tee` as it is handed in, with what the machine said about it. */
export interface AttestedRecord {
  readonly ledger: LedgerDomain;
  readonly order: Uint8Array;
  readonly record: { readonly record: Uint8Array; readonly providerKey: Uint8Array };
  readonly attestation: Uint8Array;
  /** As the ticket names it. */
  readonly modelId: string;
}

/**
 * Checks the machine of a record: `machine`, the checks that it sums up, and `attested-key`. A hosted model's answer also has `server`,
 * `authority` and `upstream`. Nothing throws.
 */
export async function checkRecordMachine(
  { ledger, order, record, attestation, modelId }: AttestedRecord,
  reader: MachineReader,
): Promise<Check[]> {
  const { crypto } = reader;
  try {
    const { attestedKey, sealKeyHash, evidence, exchanges } = readAttestation(attestation);
    const keys = { ledger, providerId: hashHybridKey(crypto, record.providerKey), attestedKey, sealKeyHash };
    const found = await checkMachine({ ...keys, evidence, nonce: nonceOfReply(crypto, order, exchanges) }, reader);
    const read = readExchanges(crypto, exchanges);
    const servers = await Promise.all(
      read.map(async (exchange, i) => [
        ...(await checkExchangeServer(crypto, exchange, exchanges[i]?.chain ?? [], reader.policy)),
        checkUpstream(crypto, exchange, { modelId, modelRoot: parseOrder(order).modelRoot }, reader.policy),
      ]),
    );
    const word = checkKeyWord(crypto, attestation, { ledger, attestedKey, providerKey: record.providerKey });
    return [...found, word, ...servers.flat()];
  } catch (error) {
    return [fail(MACHINE_CHECK, `the attestation cannot be read: ${(error as Error).message}`)];
  }
}

/** The machine of a receipt of tier `tee`, against the policy; nothing where the receipt carries no attestation. Nothing throws. */
export async function checkReceiptMachine(
  { ledger, order, ticket, record, admission, evidence }: Receipt,
  reader: MachineReader,
): Promise<Check[]> {
  const attestation = evidence?.get('attestation');
  if (attestation === undefined) return [];
  let modelId: string;
  try {
    ({ modelId } = parseTicket(ticket.bytes));
  } catch (error) {
    return [fail(MACHINE_CHECK, `the ticket cannot be read: ${(error as Error).message}`)];
  }
  const held = {
    modelId,
    ledger,
    order: order.bytes,
    record: { record: record.bytes, providerKey: record.publicKey },
    attestation,
  };
  // The validator's signature over this time is a check of its own.
  return checkRecordMachine(held, { ...reader, seenMs: reader.seenMs ?? Number(admission.timeMs) });
}

/** A verdict in which the machine stands skipped, with what was found about it in its place. */
export function addMachineChecks<V extends { readonly ok: boolean; readonly checks: readonly Check[] }>(
  verdict: V & { readonly missing: readonly string[]; readonly allowed: readonly string[] },
  found: readonly Check[],
  policy: Pick<MachinePolicy, 'allow'>,
): V & { readonly missing: readonly string[]; readonly allowed: readonly string[] } {
  const at = verdict.checks.findIndex(({ id, status }) => id === MACHINE_CHECK && status === 'skip');
  if (at < 0 || found.length === 0) return verdict;
  const checks = verdict.checks.toSpliced(at, 1, ...found);
  const own = listSkipped(found, policy.allow);
  const missing = [...verdict.missing.filter((id) => id !== MACHINE_CHECK), ...own.missing];
  const allowed = [...verdict.allowed.filter((id) => id !== MACHINE_CHECK), ...own.allowed];
  return { ...verdict, checks, missing, allowed, ok: isOk(checks) && missing.length === 0 };
}
