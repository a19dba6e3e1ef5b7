import { ProtocolError } from '../../../base/bytes.ts';

/** The properties of a model that a header states, as far as they concern its steps. */
interface StatedFacts {
  readonly latentChannels: number;
  readonly latentScale: number;
  readonly scheduler: { readonly kind: string };
}

/** Values of the only latent of a picture without steps. The latent is zero and says nothing. */
export const HIDDEN_VALUES = 1;

/** Returns whether these are the facts of a server that shows no steps (docs/spec/trajectory.md#pictures-without-steps). */
export const hidesSteps = ({ scheduler }: Pick<StatedFacts, 'scheduler'>): boolean => scheduler.kind === 'hidden';

/**
 * Checks that such facts are in their only form.
 * @param part a picture to change, a range of steps, or a plan of the guidance: such a picture has none.
 * @throws ProtocolError `malformed`
 */
export function assertHiddenFacts({ latentChannels, latentScale }: StatedFacts, part: unknown): void {
  if (latentChannels !== 1 || latentScale !== 1)
    throw new ProtocolError('malformed', 'a picture without steps states the form of a latent');
  if (part !== undefined) throw new ProtocolError('malformed', 'a picture without steps states where its steps begin');
}
