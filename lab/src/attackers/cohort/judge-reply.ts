import type { TextGenerationRequest } from '@ogong/engine/interface/text';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { concatBytes, equalBytes } from '@ogong/protocol/base/bytes';
import { computeEdgeRoot } from '@ogong/protocol/commitment/edge-values';
import { createNobleHybridSigner, createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import {
  type BoundaryFinding,
  judgeGarbage,
  judgeHiddenRoot,
  judgeNothing,
  judgeRootOfRows,
  judgeTwoRoots,
} from '@ogong/protocol/modality/text/boundary/boundary-claims';
import { proveRows, type UsedRows } from '@ogong/protocol/modality/text/boundary/boundary-proof';
import { commitBoundary } from '@ogong/protocol/modality/text/boundary/boundary-root';
import type { BoundaryRows } from '@ogong/protocol/modality/text/boundary/boundary-rows';
import { createEdgeHasher } from '@ogong/protocol/modality/text/boundary/edge-hasher';
import { createTokenContent } from '@ogong/protocol/modality/text/boundary/pass-content';
import { type Header, hashTokens } from '@ogong/protocol/modality/text/commitment/header';
import { checkBoundaryRoots } from '@ogong/protocol/modality/text/stage1/boundary-roots';
import { findConsentProblem } from '@ogong/protocol/settlement/cohort-agreement';
import { createScoreRequest, SKETCH } from '@ogong/testing/engine/compliance-requests';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createSyntheticReply } from '@ogong/testing/synthetic/synthetic-reply';
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
  type PlayedEdge,
  type PlayedReply,
  sessions,
} from './scene.ts';

/** A made-up record. Fields that no check of roots reads are its own. */
const { header: MADE_UP } = createSyntheticReply({
  crypto,
  provider: createNobleHybridSigner(new Uint8Array(64).fill(0x60)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(0x61)),
  ledger: { chainId: 1n, verifyingContract: new Uint8Array(20) },
});

export interface ReplyFinding extends Omit<BoundaryFinding, 'reason'> {
  readonly reason: NonNullable<CohortAttack['foundBy']>;
}

/** Makes every claim that a party of the reply can make, and the audit of its rows. An honest reply gives no culprit. */
export async function judgeReply(
  reply: PlayedReply,
  request: TextGenerationRequest,
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
  // A record that contradicts itself is refuted without an audit.
  if (!agreesWithItself(reply)) return [...findings, { reason: 'inputs', culprit: LEADER }];
  const wrong = await findWrongEdge(reply, request);
  return wrong === undefined ? findings : [...findings, { reason: 'edge', culprit: wrong }];
}

/** Returns whether the listed roots are about rows that follow from each other, and from the tokens of the reply. */
function agreesWithItself({ edges, listed, reply }: PlayedReply): boolean {
  if (reply === undefined) return true;
  const { promptTokens, outputTokens } = reply;
  const header: Header = {
    ...MADE_UP,
    ...{
      vocabularySize: MODEL.vocabularySize,
      embeddingSize: MODEL.embeddingSize,
      sketchDirections: SKETCH.directions,
    },
    ...{ promptTokenCount: promptTokens.length, promptTokensHash: hashTokens(crypto, BLIND, promptTokens) },
    ...{ outputTokenCount: outputTokens.length, boundaries: listed },
  };
  const values = listed.flatMap((root, place) =>
    root === undefined ? [] : [commitBoundary(crypto, (edges[place] as PlayedEdge).sent, { blind: BLIND, bank })],
  );
  const tokens = createTokenContent(MODEL.vocabularySize).encode(promptTokens);
  const prompt = listed[0] === undefined ? undefined : { blind: BLIND, tokens };
  const opening = { blind: BLIND, header: new Uint8Array(), windows: [], edges: values, prompt };
  return checkBoundaryRoots(crypto, header, opening, outputTokens).every(({ status }) => status === 'pass');
}

const readRows = ({ standing }: BoundaryRows): Uint8Array => concatBytes(...standing.map(({ bytes }) => bytes));

/**
 * Scores the reply with the whole model, and compares the rows between its layers with those that each sender signed.
 * @returns the first sender whose rows differ; undefined if none does.
 */
async function findWrongEdge(
  { edges, reply }: PlayedReply,
  request: TextGenerationRequest,
): Promise<number | undefined> {
  if (reply === undefined) return undefined;
  const whole = createFakeEngine({ ...MODEL, isLayered: true });
  const asked = { layers: EDGES.slice(1, -1), blind: BLIND };
  const scored = await whole.score({ ...createScoreRequest(whole, request, reply), edges: asked });
  const wrong = (scored.edges ?? []).findIndex((values, place) => {
    const hasher = createEdgeHasher(crypto, { blind: BLIND, bank });
    // Rows of guesses behind the reply may stand.
    const bytes = readRows((edges[place] as PlayedEdge).sent).subarray(0, values.positions * content.rowBytes);
    hasher.push(content.decode(bytes) as Float32Array);
    return !equalBytes(computeEdgeRoot(crypto, hasher.finish().values, BLIND), computeEdgeRoot(crypto, values, BLIND));
  });
  return wrong < 0 ? undefined : wrong;
}
