import { ConfigError } from '@ogong/host/config/config-error';
import { text } from '@ogong/host/config/values';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { checkEvaluation } from '@ogong/hub/evaluation/check-evaluation';
import { computeManifestRoot, type HubManifest, MAX_EVALUATIONS } from '@ogong/hub/manifest';
import { compareBytes, equalBytes, fromHex, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { hashFile, readEvaluationLines } from './evaluation-part.ts';

export const evaluationField = {
  evaluation: {
    schema: text,
    label: '<path>',
    repeatable: true,
    description: 'evaluation of these weights by ogong hub evaluate; repeat it for several',
  },
} as const;

/** An evaluation that a manifest names. */
export interface EvaluationFile {
  /** SHA-256 of the file, 32 bytes. */
  readonly hash: Uint8Array;
  readonly path: string;
}

/**
 * Reads the evaluations for a manifest, in its order. Signatures of receipts are not checked here.
 * @throws ConfigError for a file that is no evaluation of these weights, or whose figures do not follow from its answers.
 */
export async function readEvaluations(
  program: string,
  paths: readonly string[],
  manifest: Pick<HubManifest, 'files' | 'rootRule'>,
): Promise<EvaluationFile[]> {
  const refuse = (problem: string): never => {
    throw new ConfigError(program, [`--evaluation ${problem}`]);
  };
  if (paths.length > MAX_EVALUATIONS) refuse(`can be given ${MAX_EVALUATIONS} times`);
  const modelRoot = toHex(computeManifestRoot(crypto, manifest));
  const found: EvaluationFile[] = [];
  for (const path of paths) {
    const problem = await findProblem(path, modelRoot);
    if (problem !== undefined) refuse(`${path}: ${problem}`);
    found.push({ path, hash: fromHex(await hashFile(path)) });
  }
  const ordered = found.sort((a, b) => compareBytes(a.hash, b.hash));
  const twice = ordered.find(({ hash }, at) => at > 0 && equalBytes(hash, (ordered[at - 1] as EvaluationFile).hash));
  return twice === undefined ? ordered : refuse(`${twice.path} is given twice`);
}

/** Its readers check the receipts by their own trust. */
const withoutReceipts = async () => ({ ok: true, checks: [], missing: [] });

async function findProblem(path: string, modelRoot: string): Promise<string | undefined> {
  try {
    const { checks, figures } = await checkEvaluation(readEvaluationLines(path), { crypto, verify: withoutReceipts });
    const failed = checks.find(({ status }) => status === 'fail');
    if (failed !== undefined) return `${failed.id}: ${failed.detail}`;
    return figures?.modelRoot === modelRoot ? undefined : `it is about root ${figures?.modelRoot}, not ${modelRoot}`;
  } catch (error) {
    if (error instanceof ProtocolError) return error.message;
    throw error;
  }
}
