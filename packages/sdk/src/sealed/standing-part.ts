import { equalBytes, ProtocolError, toBase64, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { computeCommitment, encodeOpening, parseOpening, type WindowBytes } from '@ogong/protocol/commitment/opening';
import { hashRecord, parseRecordV2 } from '@ogong/protocol/commitment/record';
import { hashResponse } from '@ogong/protocol/commitment/response-hash';
import { hashHybridKey, verifyHybrid } from '@ogong/protocol/crypto/hybrid';
import { quickCrypto as crypto } from '@ogong/protocol/crypto/quick-noble';
import type { SealPrimitives } from '@ogong/protocol/crypto/seal-primitives';
import { MAX_MILESTONE_OPENING_BYTES } from '@ogong/protocol/exchange/limits';
import { hashBeginning } from '@ogong/protocol/exchange/progress';
import type { Milestone } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { encodeClaimedMilestone } from '@ogong/protocol/sealing/sealed-message';
import { sealPart } from '@ogong/protocol/sealing/sealed-part';
import { openReply } from '@ogong/protocol/verdict/opened-reply';
import { SealedCallError } from '../errors.ts';
import type { CheckedOffer } from './ask-offer.ts';

/** As much of a sealed reply as its provider has signed so far (docs/spec/sealed-calls.md#parts). */
export interface StandingPart {
  /** @param text the text before the milestone. @throws SealedCallError if it is larger than one may be. */
  take(milestone: Milestone, text: string): void;
  /** The report to the gateway about a reply that breaks off, and its sealed part; undefined if no valid signature exists. */
  close(): { readonly outcome: object; readonly sealed: Uint8Array } | undefined;
}

export function createStandingPart(
  { seal }: { readonly seal: SealPrimitives },
  {
    offered: { offer, ticket, replyId, requestHash, validatorKey },
    blind,
    endpoint,
    body,
  }: {
    readonly offered: CheckedOffer;
    /** Of the answer. */
    readonly blind: Uint8Array;
    readonly endpoint: string;
    readonly body: Uint8Array;
  },
): StandingPart {
  const windows: WindowBytes[] = [];
  let sizeBytes = 0;
  let last: { readonly milestone: Milestone; readonly text: string } | undefined;

  /** Whether the provider of the offer has signed this, about this request, and its opening does not refute it. */
  function holds({ record }: Milestone, response: Uint8Array, opening: Uint8Array): boolean {
    if (record === undefined) return false;
    const { record: message, providerKey: publicKey, signature } = record;
    const said = parseRecordV2(message);
    return (
      said.isMilestone === true &&
      equalBytes(said.replyId, replyId) &&
      equalBytes(said.requestHash, requestHash) &&
      equalBytes(said.responseHash, hashResponse(crypto, blind, response)) &&
      equalBytes(hashHybridKey(crypto, publicKey), ticket.providerId) &&
      verifyHybrid(crypto, { publicKey, message, signature }) &&
      openReply(crypto, said, opening)?.outcome === 'consistent'
    );
  }

  return {
    take(milestone, text) {
      for (const { draws, sketch } of milestone.windows) {
        windows.push({ draws, sketch });
        sizeBytes += draws.length + sketch.length;
      }
      if (sizeBytes > MAX_MILESTONE_OPENING_BYTES) {
        throw new SealedCallError('malformed', 'the milestones of the reply are larger than they may be');
      }
      if (last?.milestone.last) throw new SealedCallError('malformed', 'a milestone behind the last one');
      last = { milestone, text };
    },
    close() {
      if (last === undefined || validatorKey === undefined) return undefined;
      const { milestone, text } = last;
      const response = utf8Encode(text).subarray(0, milestone.textBytes);
      try {
        const opening = encodeOpening({ blind, header: milestone.header, windows });
        if (!holds(milestone, response, opening)) return undefined;
        const { ledger, validator } = offer;
        const recordHash = hashRecord(crypto, milestone.record?.record ?? new Uint8Array());
        const outcome = {
          outcome: 'part',
          milestone: toBase64(encodeClaimedMilestone(milestone)),
          header_proof: computeCommitment(crypto, parseOpening(opening)).headerProof.map(toHex),
          text_hash: toHex(hashBeginning(crypto, blind, response)),
        };
        const sealed = sealPart(
          { seal },
          {
            milestone: { ledger, validator, replyId, requestHash, recordHash },
            to: validatorKey,
            inner: { endpoint, body, response, opening },
          },
        );
        return { outcome, sealed };
      } catch (error) {
        if (error instanceof ProtocolError) return undefined;
        throw error;
      }
    },
  };
}
