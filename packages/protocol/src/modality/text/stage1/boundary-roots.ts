import { concatBytes, equalBytes } from '../../../base/bytes.ts';
import { type Check, fail, pass } from '../../../base/checks.ts';
import { computeBlobRoot } from '../../../commitment/blob.ts';
import { computeEdgeRoot, type EdgeValues, sizeOfWindow, widthOf } from '../../../commitment/edge-values.ts';
import type { OpenedPrompt, Opening } from '../../../commitment/opening.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import { lookUpTier } from '../../../tier/registry.ts';
import { createTokenContent } from '../boundary/pass-content.ts';
import { type Header, hashTokens } from '../commitment/header.ts';
import { countSketched } from '../commitment/window.ts';

/** Positions of an edge: all tokens of prompt and reply but the last one, which no row follows. */
const countNeeded = ({ promptTokenCount, outputTokenCount }: Header): number => promptTokenCount + outputTokenCount - 1;

/**
 * Checks that the opening shows the values behind each root that the header lists, and that these are edges of the reply
 * (docs/spec/boundary.md#audit). The record commits to the roots and to a hash of the prompt's tokens, so other values are no opening of
 * it (`boundary-roots`). Values behind a listed root that cannot be the reply's refute the record (`boundary-form`). So does a listed root
 * whose sender received other rows than the root before it is about, or other tokens than the reply's (`boundary-inputs`).
 * @param outputTokens of the reply. @returns no check if there are neither roots nor edges.
 */
export function checkBoundaryRoots(
  crypto: Crypto,
  header: Header,
  { edges = [], prompt, blind }: Opening,
  outputTokens: Uint32Array,
): readonly Check[] {
  const id = 'boundary-roots';
  const listed = header.boundaries.flatMap((boundary, place) =>
    boundary === undefined ? [] : [{ ...boundary, place }],
  );
  if (listed.length === 0 && edges.length === 0 && prompt === undefined) return [];
  if (listed.length !== edges.length) return [fail(id, `${edges.length} edges for ${listed.length} listed roots`)];
  for (const [i, { place, positions, root }] of listed.entries()) {
    const edge = edges[i] as EdgeValues;
    if (edge.positions !== positions)
      return [fail(id, `shard ${place}: ${edge.positions} positions, and its root is about ${positions}`)];
    if (!equalBytes(computeEdgeRoot(crypto, edge, blind), root))
      return [fail(id, `shard ${place}: its root is about other values`)];
  }
  if ((prompt !== undefined) !== showsPrompt(header))
    return [fail(id, 'the opening shows tokens of a prompt if and only if the root of shard 0 is listed')];
  if (prompt !== undefined && !isPromptOf(crypto, header, prompt))
    return [fail(id, 'other tokens of the prompt than the header commits to')];
  const opened = pass(id, `${edges.length} edges have the roots that the header lists`);
  const tokens = prompt && joinTokens(header, prompt, outputTokens);
  return [opened, checkForm(header, edges), checkInputs(crypto, listed, { edges, tokens, blind })];
}

/** Returns whether an opening has the prompt: the first shard has signed for its tokens, and the windows show those of the reply. */
export const showsPrompt = ({ boundaries, tier }: Pick<Header, 'boundaries' | 'tier'>): boolean =>
  boundaries[0] !== undefined && lookUpTier(tier).tier?.windows === 'draws';

/** Returns whether these are the tokens whose hash the header has. */
function isPromptOf(crypto: Crypto, header: Header, { blind, tokens }: OpenedPrompt): boolean {
  if (tokens.length !== 4 * header.promptTokenCount) return false;
  const ids = createTokenContent(header.vocabularySize).decode(tokens);
  return ids !== undefined && equalBytes(hashTokens(crypto, blind, ids), header.promptTokensHash);
}

/** Returns the tokens that the first shard received, u32 big-endian: all of prompt and reply but the last one. */
const joinTokens = ({ vocabularySize }: Header, { tokens }: OpenedPrompt, outputTokens: Uint32Array): Uint8Array =>
  concatBytes(tokens, createTokenContent(vocabularySize).encode(outputTokens.subarray(0, -1)));

/** A shard whose sender before it has no listed root is compared with nothing: no audit names it (compareEdges). */
function checkInputs(
  crypto: Crypto,
  listed: readonly { readonly place: number; readonly input: Uint8Array }[],
  {
    edges,
    tokens,
    blind,
  }: { readonly edges: readonly EdgeValues[]; readonly tokens: Uint8Array | undefined; readonly blind: Uint8Array },
): Check {
  const id = 'boundary-inputs';
  for (const [i, { place, input }] of listed.entries()) {
    if (place === 0) {
      if (tokens !== undefined && !equalBytes(input, computeBlobRoot(crypto, blind, tokens)))
        return fail(id, 'shard 0 has signed for other tokens than those of the reply');
    } else if (listed[i - 1]?.place === place - 1 && !equalBytes(input, (edges[i - 1] as EdgeValues).rows.root))
      return fail(id, `shard ${place} has signed for other rows than the listed root of shard ${place - 1} is about`);
  }
  return pass(id, `${listed.length} listed roots are about rows that follow from each other`);
}

function checkForm(header: Header, edges: readonly EdgeValues[]): Check {
  const id = 'boundary-form';
  const needed = countNeeded(header);
  for (const [i, edge] of edges.entries()) {
    if (edge.positions !== needed)
      return fail(id, `edge ${i}: ${edge.positions} positions, and the reply has ${needed}`);
    const problem = findShapeProblem(header, edge);
    if (problem !== undefined) return fail(id, `edge ${i}: ${problem}`);
  }
  return pass(id, `${edges.length} edges have rows for all positions of the reply`);
}

/** Finds the reason that an edge is none of this reply; undefined if its rows and sketches have the sizes of the header. */
export function findShapeProblem(header: Header, edge: EdgeValues): string | undefined {
  const { embeddingSize, sketchDirections: directions } = header;
  if (widthOf(edge) !== embeddingSize) return `rows of ${widthOf(edge)} values, not ${embeddingSize}`;
  try {
    for (const [window, sketch] of edge.sketches.entries()) {
      if (countSketched(sketch, { directions }) !== sizeOfWindow(edge.positions, window))
        return `window ${window} has another number of sketches`;
    }
  } catch (error) {
    return (error as Error).message;
  }
  return undefined;
}
