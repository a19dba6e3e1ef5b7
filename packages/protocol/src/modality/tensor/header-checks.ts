import { type Check, check, skip } from '../../base/checks.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { OrderContext } from '../../stage1/common-checks.ts';
import { type AskedWhole, checkAsked, checkWholeHeader } from '../shared/whole-reply.ts';
import type { TensorHeader } from './header.ts';
import type { AskedTensors } from './request.ts';
import { computeResponseSize } from './tensor-list.ts';

export interface TensorContext extends OrderContext {
  readonly request: AskedTensors;
}

/** Checks that a header of tensors agrees with order, request and beacon. */
export const checkTensorHeader = (crypto: Crypto, header: TensorHeader, context: TensorContext): readonly Check[] =>
  checkWholeHeader(crypto, header, {
    context,
    checkInputs: (asked) => checkTensorRequest(header, { ...asked, request: context.request }),
    size: checkResponseSize(header, context.response),
    room: header.promptTokenCount,
  });

export function checkTensorRequest(
  header: TensorHeader,
  asked: AskedWhole & { readonly request: AskedTensors },
): Check {
  const { request } = asked;
  const names = header.outputs.map(({ form }) => form.name);
  const hasOutputs =
    request.outputs.length === 0 ||
    (names.length === request.outputs.length && names.every((name, i) => name === request.outputs[i]));
  const wrong = [
    ...(header.promptTokenCount === request.promptTokenBound ? [] : ['units']),
    ...(hasOutputs ? [] : ['outputs']),
  ];
  const detail = `${header.promptTokenCount} units of inputs and ${names.length} outputs, as requested`;
  return checkAsked(header, asked, { wrong, detail });
}

export function checkResponseSize({ outputs }: TensorHeader, response: Uint8Array | undefined): Check {
  if (response === undefined) return skip('response-size', 'the response is not shown here');
  const bytes = computeResponseSize(outputs);
  return check('response-size', response.length === bytes, [
    `${bytes} bytes of ${outputs.length} outputs`,
    `the outputs of the header have ${bytes} bytes, and ${response.length} were served`,
  ]);
}
