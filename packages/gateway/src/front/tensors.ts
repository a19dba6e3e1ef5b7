import { parseTensorRequest } from '@ogong/protocol/modality/tensor/request';
import type { Tensor } from '@ogong/protocol/modality/tensor/tensor-form';
import { formatTensors } from '@ogong/protocol/modality/tensor/tensor-json';
import { parseTensorResponse } from '@ogong/protocol/modality/tensor/tensor-list';
import type { AnswerForm, BoughtAnswer } from '../buy/reply.ts';
import type { CompletionsDependencies } from './completions.ts';
import type { KeyedHandler } from './sign-in.ts';
import { createWholeHandler } from './whole-answer.ts';

/** The tensors of one request, as they were signed. */
interface BoughtTensors extends BoughtAnswer {
  readonly tensors: readonly Tensor[];
}

/** Named tensors of any ONNX model: one reply, with one receipt. */
export const createTensorHandler = (dependencies: CompletionsDependencies): KeyedHandler =>
  createWholeHandler(dependencies, {
    endpoint: 'infer',
    parse: parseTensorRequest,
    createForm: () => TENSOR_FORM,
    format(request, [reply]) {
      const { tensors, promptTokens: units } = reply as BoughtTensors;
      return { ...formatTensors(request, { tensors, units }) };
    },
  });

/** The outputs arrive whole with the record. Stage 1 has checked by then that the record signs them. */
const TENSOR_FORM: AnswerForm<BoughtTensors> = {
  streams: false,
  hasFixedDraws: false,
  maxTokens: 0,
  topLogprobs: undefined,
  toResponse: ({ finished }) => finished.response,
  read: (checked, { finished: { response } }) => ({ reply: { ...checked, tensors: parseTensorResponse(response) } }),
};
