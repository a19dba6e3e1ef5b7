import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { concatBytes, equalBytes } from '@ogong/protocol/base/bytes';
import {
  type BoundaryFinding,
  judgeGarbage,
  judgeHiddenRoot,
  judgeNothing,
  judgeRootOfRows,
  judgeTwoRoots,
} from '@ogong/protocol/modality/text/boundary/boundary-claims';
import { proveRows, type UsedRows } from '@ogong/protocol/modality/text/boundary/boundary-proof';
import type { BoundaryRows } from '@ogong/protocol/modality/text/boundary/boundary-rows';
import { findConsentProblem } from '@ogong/protocol/settlement/cohort-agreement';
import { createLayeredSegment } from '@ogong/testing/engine/fake-layered-segment';
import type { CohortAttack } from './attack.ts';
import {
  BLIND,
  bank,
  content,
  EDGES,
  LEADER,
  MANIFEST_HASH,
  MODEL,
  ORDER_HASH,
  type PlayedReply,
  sessions,
} from './scene.ts';

export interface ReplyFinding extends Omit<BoundaryFinding, 'reason'> {
  readonly reason: CohortAttack['foundBy'];
}

/** Makes every claim that a party of the reply can make, and the audit of its rows. An honest reply gives no culprit. */
export async function judgeReply(
  reply: PlayedReply,
  { attack, at }: { readonly attack?: CohortAttack; readonly at?: number } = {},
): Promise<ReplyFinding[]> {
  const { edges, silent, listed, terms, signature } = reply;
  const edgeOf = (place: number) => ({
    ...{ orderHash: ORDER_HASH, place, blind: BLIND, content, receiver: place + 1 },
    senderKey: (sessions[place] as (typeof sessions)[number]).publicKey,
  });
  const findings: ReplyFinding[] = silent === undefined ? [] : [judgeNothing(edgeOf(silent))];
  const isAgreed = findConsentProblem(crypto, terms, signature, LEADER) === undefined;
  if (isAgreed && !equalBytes(terms.manifestHash, MANIFEST_HASH)) findings.push({ reason: 'terms', culprit: LEADER });
  const leader = { place: LEADER, key: (sessions[LEADER] as (typeof sessions)[number]).publicKey };
  for (const [place, { received, root, own, receipt }] of edges.entries()) {
    const edge = edgeOf(place);
    const used: UsedRows = { rows: readRows(received), proof: proveRows(received) };
    const shown = place + 1 === at ? (attack?.bendShown?.(used) ?? used) : used;
    findings.push(
      judgeGarbage(crypto, edge, shown),
      judgeRootOfRows(crypto, edge, { root, shown, bank }),
      judgeTwoRoots(crypto, edge, [own, root]),
      judgeHiddenRoot(crypto, edge, leader, { root: own, receipt, listed }),
    );
  }
  const wrong = await findWrongEdge(reply);
  return wrong === undefined ? findings : [...findings, { reason: 'edge', culprit: wrong }];
}

const readRows = ({ standing }: BoundaryRows): Uint8Array => concatBytes(...standing.map(({ bytes }) => bytes));

/** Runs the layers of the whole model again over the tokens. @returns the first sender whose rows differ; undefined if none does. */
async function findWrongEdge({ edges, tokens }: PlayedReply): Promise<number | undefined> {
  let input: Uint32Array | Float32Array = tokens;
  for (const [place, { sent }] of edges.entries()) {
    const segment = createLayeredSegment({
      ...{ ...MODEL, from: EDGES[place] as number, to: EDGES[place + 1] as number },
      ...{ contextSize: 256, sequences: 1, passRows: 256 },
    });
    const groups = [{ sequence: 0, position: 0, rows: tokens.length }];
    const output = await segment.run({ kind: 'score', groups, input });
    if (output.kind !== 'rows') throw new TypeError('a segment before the last one returned logits');
    if (!equalBytes(content.encode(output.rows), readRows(sent))) return place;
    input = output.rows;
  }
  return undefined;
}
