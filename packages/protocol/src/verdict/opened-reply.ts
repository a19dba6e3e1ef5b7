import { equalBytes, ProtocolError, toHex } from '../base/bytes.ts';
import { computeBlobRoot } from '../commitment/blob.ts';
import { type Opening, parseOpening } from '../commitment/opening.ts';
import type { RecordV2 } from '../commitment/record.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { WalkedBlobs } from '../modality/blob-walk.ts';
import type { FindBlob, ReadReport, ReplayedReply, ReportedJob, VerifierReport } from '../modality/modality.ts';
import { replayOpening } from '../modality/registry.ts';
import { isClassDenied } from '../tier/exact-class.ts';
import type { ShownEvidence } from './evidence.ts';

/** A reply as its opening shows it. Only openReply creates one, so that no verdict rests on a replay of other bytes. */
export interface OpenedReply {
  readonly record: RecordV2;
  readonly bytes: Uint8Array;
  readonly opening: Opening;
  readonly reply: ReplayedReply;
  /** `nothing`: not an opening of this record; `refuted`: the record's own bytes contradict it. */
  readonly outcome: 'nothing' | 'refuted' | 'consistent';
}

interface OpeningMeans {
  readonly blobs: FindBlob | WalkedBlobs | undefined;
}

/** Each opened reply, with the blobs that its stage 1 could read. */
const openedReplies = new WeakMap<OpenedReply, OpeningMeans>();

/** Checks of bytes that the record does not commit to: anyone can make them fail. */
const OPENING_CHECKS = ['commitment-root', 'boundary-roots'];

/** Opens a reply and runs stage 1. @param blobs that stage 1 may read, or the result of reading them. Default: none. */
export function openReply(
  crypto: Crypto,
  record: RecordV2,
  bytes: Uint8Array,
  blobs?: FindBlob | WalkedBlobs,
): OpenedReply | undefined {
  let opening: Opening;
  try {
    opening = parseOpening(bytes);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
  const reply = replayOpening(crypto, record, opening, typeof blobs === 'function' ? { blobs } : { walked: blobs });
  const failed = reply.checks.find(({ status }) => status === 'fail');
  const outcome = failed === undefined ? 'consistent' : OPENING_CHECKS.includes(failed.id) ? 'nothing' : 'refuted';
  const opened: OpenedReply = { record, bytes, opening, reply, outcome };
  openedReplies.set(opened, { blobs });
  return opened;
}

/**
 * Returns the reply as opened before, if record and bytes are the same and stage 1 read no blob. Otherwise opens it without
 * blobs. Co-signers have none, so a verdict must not depend on them.
 */
export function findOpened(
  crypto: Crypto,
  record: RecordV2,
  bytes: Uint8Array,
  before: OpenedReply | undefined,
): OpenedReply | undefined {
  const means = before && openedReplies.get(before);
  const isSame =
    before !== undefined &&
    means !== undefined &&
    means.blobs === undefined &&
    before.record === record &&
    equalBytes(before.bytes, bytes);
  return isSame ? before : openReply(crypto, record, bytes);
}

/** Opens a reply and runs stage 1 over the blobs of evidence. Bytes that the opening does not name prove nothing. */
export function openShown(
  crypto: Crypto,
  record: RecordV2,
  { opening: bytes, blobs }: Pick<ShownEvidence, 'opening' | 'blobs'>,
): OpenedReply | undefined {
  let blind: Uint8Array;
  try {
    ({ blind } = parseOpening(bytes));
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
  const byRoot = new Map(blobs.map((blob) => [toHex(computeBlobRoot(crypto, blind, blob)), blob]));
  return openReply(crypto, record, bytes, (root) => byRoot.get(toHex(root)));
}

interface ReportReading extends ReportedJob {
  readonly bytes: Uint8Array;
  readonly report: VerifierReport;
}

const readings = new WeakMap<OpenedReply, ReportReading[]>();

/**
 * Reads a verifier's report on the reply. It is read once and cached with the opened reply, so that weighReport weighs it only
 * once.
 * @throws ProtocolError
 */
export function readVerifierReport(opened: OpenedReply, bytes: Uint8Array, job: ReportedJob): ReadReport {
  const read = readOnce(opened, bytes, job);
  if ('problem' in read) return read;
  const claim = { numericClass: read.numericClass, isExact: read.claimsExact || read.isBlank };
  const served = read.servedClass === undefined ? opened.reply.header : { numericClass: read.servedClass };
  if (!isClassDenied(served, claim, job.endorsedClass)) return read;
  return { problem: `the verifier has signed that it computes in ${job.endorsedClass}, and its report denies it` };
}

function readOnce(opened: OpenedReply, bytes: Uint8Array, job: ReportedJob): ReadReport {
  const { jobId, draw, contextSize, cohort, segment } = job;
  const before = readings.get(opened) ?? [];
  const known = before.find(
    (one) =>
      one.contextSize === contextSize &&
      one.cohort === cohort &&
      one.segment?.firstLayer === segment?.firstLayer &&
      equalBytes(one.jobId, jobId) &&
      equalBytes(one.draw, draw) &&
      equalBytes(one.bytes, bytes),
  );
  if (known !== undefined) return known.report;
  const result = opened.reply.readReport(bytes, job);
  if (!('problem' in result))
    readings.set(opened, [...before, { bytes, jobId, draw, contextSize, cohort, segment, report: result }]);
  return result;
}
