import { type Check, check, fail, pass, skip } from '../../base/checks.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { checkBank, checkOrder, checkPayee, checkRoom, type OrderContext } from '../../stage1/common-checks.ts';
import { checkDemands } from '../demands.ts';
import type { TensorHeader } from './header.ts';
import type { AskedTensors } from './request.ts';
import { computeResponseSize } from './tensor-list.ts';

export interface TensorContext extends OrderContext {
  readonly request: AskedTensors;
}

/** Checks that a header of tensors agrees with order, request and beacon. */
export function checkTensorHeader(
  crypto: Crypto,
  header: TensorHeader,
  { order, request, response, beacon }: TensorContext,
): readonly Check[] {
  const hasTier = request.model.startsWith(`ogong/${header.tier}/`);
  return [
    checkOrder(header, order),
    checkTensorRequest(header, { request, choice: order.choice, hasTier }),
    checkResponseSize(header, response),
    checkBank(crypto, header, order, beacon),
    checkPayee(header, order),
    checkRoom(header.promptTokenCount, order.contextSize),
    ...checkDemands(header, order, request),
  ];
}

/** Checks the fields that the request fixes. @param given.hasTier whether the request names the header's tier. */
export function checkTensorRequest(
  header: TensorHeader,
  { request, choice, hasTier }: { readonly request: AskedTensors; readonly choice: number; readonly hasTier: boolean },
): Check {
  const names = header.outputs.map(({ form }) => form.name);
  const hasOutputs =
    request.outputs.length === 0 ||
    (names.length === request.outputs.length && names.every((name, i) => name === request.outputs[i]));
  const wrong = [
    ...(header.endpoint === request.endpoint ? [] : ['endpoint']),
    ...(header.promptTokenCount === request.promptTokenBound ? [] : ['units']),
    ...(hasOutputs ? [] : ['outputs']),
    ...(header.choice === choice && choice === 0 ? [] : ['choice']),
    ...(hasTier ? [] : ['tier']),
    // These models run without adapters.
    ...(header.parts.length === 0 ? [] : ['adapters']),
  ];
  if (wrong.length > 0) return fail('inputs', `committed differently from the request: ${wrong.join(', ')}`);
  return pass('inputs', `${header.promptTokenCount} units of inputs and ${names.length} outputs, as requested`);
}

export function checkResponseSize({ outputs }: TensorHeader, response: Uint8Array | undefined): Check {
  if (response === undefined) return skip('response-size', 'the response is not shown here');
  const bytes = computeResponseSize(outputs);
  return check('response-size', response.length === bytes, [
    `${bytes} bytes of ${outputs.length} outputs`,
    `the outputs of the header have ${bytes} bytes, and ${response.length} were served`,
  ]);
}
