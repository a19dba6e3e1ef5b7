import { type Draw, oneNode, whole } from './recipe.ts';

/** Letters, one token each, alone and at the end of a word, and a word made by merges. */
export const LETTERS = [...'abcdefghijklmnopqrstuvwxyz'];

export interface TextShape {
  readonly width: number;
  readonly tokens: number;
  readonly vocabulary: number;
}

/** An encoder of two layers, whose states all depend on the ids. */
export const encodeIds = (draw: Draw, { width, vocabulary }: TextShape) => ({
  inputs: [whole('input_ids', 'batch', 'tokens')],
  nodes: [
    oneNode('Gather', ['words', 'input_ids'], 'hidden_states.0'),
    oneNode('MatMul', ['hidden_states.0', 'first'], 'wide'),
    oneNode('Tanh', ['wide'], 'hidden_states.1'),
    oneNode('MatMul', ['hidden_states.1', 'second'], 'wider'),
    oneNode('Tanh', ['wider'], 'last_hidden_state'),
  ],
  weights: { words: draw(vocabulary, width), first: draw(width, width), second: draw(width, width) },
});
