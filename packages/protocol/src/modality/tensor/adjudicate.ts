import { createWriter, equalBytes, toHex } from '../../base/bytes.ts';
import { encodeDomain } from '../../base/canonical.ts';
import { type Check, check, fail, type Outcome, pass } from '../../base/checks.ts';
import type { TierEntry } from '../../tier/tier.ts';
import { type RerunVerdict, weighRerun } from '../shared/whole-reply.ts';
import { computeTensorDistance, hasEqualForm, isFloatTensor } from './distance.ts';
import type { TensorHeader } from './header.ts';
import type { TensorReport } from './report.ts';
import type { Tensor } from './tensor-form.ts';
import { parseTensorResponse } from './tensor-list.ts';
import { countTiedLabels } from './tied-labels.ts';

/** Limits for the distance of floats if the classes are not exact: reject above `reject`, inconclusive from `doubt` on. */
export interface TensorLimits {
  /** Source of the limits: `fallback`, or their measurement. */
  readonly source: string;
  readonly distance: { readonly doubt: number; readonly reject: number };
}

/** Two honest classes of one model differ by at most 0.00007, and its weights in f16 by at least 0.0004 (docs/spec/tensor.md#honest-drift). */
export const TENSOR_FALLBACK: TensorLimits = { source: 'fallback', distance: { doubt: 0.0002, reject: 0.002 } };

/** Tensors that stage 1 found consistent. */
export interface TensorClaim {
  readonly modelRoot: Uint8Array;
  readonly header: TensorHeader;
  readonly outputs: readonly Tensor[];
}

/** Checks whether a report answers the job at all. If not, its verifier is marked and another one is drawn. */
export function checkTensorReport(
  report: TensorReport,
  { jobId, modelRoot }: Pick<TensorClaim, 'modelRoot'> & { readonly jobId: Uint8Array },
): Check {
  const id = 'report-shape';
  if (!equalBytes(report.jobId, jobId)) return fail(id, 'the report answers another job');
  if (!equalBytes(report.modelRoot, modelRoot)) return fail(id, 'the report is about another model');
  return pass(id, `${report.outputs.length} bytes of outputs by ${report.numericClass}`);
}

/** Runs stage 2: one verifier's well-formed report against the committed reply. */
export function adjudicateTensors(
  { header, outputs }: Omit<TensorClaim, 'modelRoot'>,
  report: TensorReport,
  {
    limits = TENSOR_FALLBACK,
    tiers,
  }: { readonly limits?: TensorLimits; readonly tiers?: readonly TierEntry[] | undefined } = {},
): RerunVerdict {
  const own = (): readonly Tensor[] => (report.outputs.length === 0 ? [] : parseTensorResponse(report.outputs));
  return weighRerun(header, report, {
    facts: [checkInputs(header, report), checkSignature(header, report)],
    encodeFacts: () => encodeFacts(report),
    checkEquality: () => checkEquality(header, outputs, own()),
    judgeDistance: () => judgeDistance(outputs, own(), limits),
    tiers,
  });
}

const FACT_DOMAIN = encodeDomain('ogong-tensor-facts-v1');

/** Encodes the part of a report that is the same in every class: the model's signature, and the inputs that it reads. */
const encodeFacts = ({ vocabularyHash, promptTokensHash }: TensorReport): Uint8Array =>
  createWriter().bytes(FACT_DOMAIN).bytes(vocabularyHash, 32).bytes(promptTokensHash, 32).finish();

/** Checks the inputs. A truncated or replaced tensor has another hash. */
function checkInputs(header: TensorHeader, report: TensorReport): Check {
  return check('prompt-tokens', equalBytes(report.promptTokensHash, header.promptTokensHash), [
    'the inputs that the request makes',
    'the reply commits to other inputs than the request makes',
  ]);
}

function checkSignature(header: TensorHeader, report: TensorReport): Check {
  return check('vocabulary', equalBytes(report.vocabularyHash, header.vocabularyHash), [
    `signature ${toHex(report.vocabularyHash.subarray(0, 6))}`,
    'the model has other inputs or outputs',
  ]);
}

const isEqual = (a: Tensor, b: Tensor): boolean => equalBytes(a.data, b.data);

function checkEquality(header: TensorHeader, outputs: readonly Tensor[], own: readonly Tensor[]): Check {
  if (!hasEqualForm(outputs, own)) return fail('equality', 'the outputs have other names, types or shapes');
  const differing = outputs.findIndex((output, i) => !isEqual(output, own[i] as Tensor));
  if (differing < 0) return pass('equality', `${outputs.length} outputs equal bit for bit in ${header.numericClass}`);
  const { name } = outputs[differing] as Tensor;
  return fail('equality', `the output ${name} differs, in the exact class ${header.numericClass}`, differing);
}

function judgeDistance(
  outputs: readonly Tensor[],
  own: readonly Tensor[],
  { source, distance: { doubt, reject } }: TensorLimits,
): { readonly outcome: Outcome; readonly check: Check } {
  const id = 'tensor-distance';
  if (!hasEqualForm(outputs, own))
    return { outcome: 'reject', check: fail(id, 'the outputs have other names, types or shapes') };
  let ties = 0;
  for (const [i, output] of outputs.entries()) {
    const same = own[i] as Tensor;
    if (isFloatTensor(output) || isEqual(output, same)) continue;
    const tied = countTiedLabels(output, same, { outputs: own, drift: doubt });
    if (tied === undefined)
      return { outcome: 'reject', check: fail(id, `the output ${output.name} of ${output.dtype} differs`, i) };
    ties += tied;
  }
  const distances = outputs.map((output, i) =>
    isFloatTensor(output) ? computeTensorDistance(output, own[i] as Tensor) : 0,
  );
  const worst = Math.max(...distances);
  const left = ties === 0 ? '' : `, ${ties} labels on ties not compared`;
  const detail = `worst output ${worst.toPrecision(3)}, reject above ${reject} (${source})${left}`;
  // A distance that is not a number must never pass.
  if (!(worst <= reject)) return { outcome: 'reject', check: fail(id, detail, distances.indexOf(worst)) };
  return { outcome: worst > doubt || ties > 0 ? 'inconclusive' : 'accept', check: pass(id, detail) };
}
