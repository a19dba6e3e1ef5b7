import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type Delta,
  type Milestone,
  MilestoneSchema,
  type PictureStep,
  type SealedEnd,
  SealedMessageSchema,
  type SealedRefusal,
} from '../generated/ogong/v1/ogong_pb.ts';
import { SealError } from './seal-error.ts';

/** The content of a unit of a sealed reply: a part of it, its end, or the reason of a refusal. */
export type OpenedPart =
  | { readonly delta: Delta }
  | { readonly milestone: Milestone }
  | { readonly step: PictureStep }
  | { readonly end: SealedEnd }
  | { readonly refusal: SealedRefusal };

/** @throws SealError */
export function readSealedMessage(bytes: Uint8Array): OpenedPart {
  const { message } = parse(bytes);
  if (message.case === 'delta') return { delta: message.value };
  if (message.case === 'end') return { end: message.value };
  if (message.case === 'milestone') return { milestone: message.value };
  if (message.case === 'step') return { step: message.value };
  if (message.case === 'refusal') return { refusal: message.value };
  throw new SealError('malformed', 'a message of no kind');
}

/** Encodes a milestone for a payer that must not read it: without its windows. */
export function encodeClaimedMilestone({ record, header, textBytes, admission, payeeWord, evidence }: Milestone) {
  const claimed = {
    header,
    textBytes,
    payeeWord,
    evidence,
    ...(record && { record }),
    ...(admission && { admission }),
  };
  return toBinary(MilestoneSchema, create(MilestoneSchema, claimed));
}

function parse(bytes: Uint8Array) {
  try {
    return fromBinary(SealedMessageSchema, bytes);
  } catch (cause) {
    throw new SealError('malformed', 'a message that cannot be read', { cause });
  }
}
