import { Pixels } from '../../pictures/pixels.tsx';
import type { StepReading } from './read-trajectory.ts';

/** Height of the longest bar, in units of the drawing. */
const HEIGHT = 40;

const describeStep = ({ number, timestep, length, isAudited }: StepReading): string =>
  `Step ${number}: output of length ${length.toPrecision(4)} at time ${+timestep.toFixed(3)}${isAudited ? ', audited' : ''}`;

/** The steps one after another: a small picture of each, or a bar as long as its committed output. */
export function StepStrip({ steps }: { steps: readonly StepReading[] }) {
  const longest = Math.max(...steps.map(({ length }) => length));
  const isSeen = steps.some(({ thumbnail }) => thumbnail !== undefined);
  const hasAudited = steps.some(({ isAudited }) => isAudited);
  return (
    <>
      <ol class="strip" aria-label="Steps">
        {steps.map((step) => (
          <li key={step.number} class={step.isAudited ? 'audited' : ''} title={describeStep(step)}>
            {step.thumbnail ? (
              <Pixels picture={step.thumbnail} label={describeStep(step)} name="thumbnail" />
            ) : (
              <Bar step={step} longest={longest} />
            )}
            <small>{step.number}</small>
          </li>
        ))}
      </ol>
      <p class="note">
        {isSeen
          ? 'Each small picture is the clean latent that the step stands for. Three of its channels are red, green and blue. It follows from the outputs in this file.'
          : 'Each bar is as long as the output of its step, by the committed projection. The outputs are not in this receipt: payer, validators and verifiers get them from the provider.'}
        {hasAudited && ' A verifier ran the marked steps again.'}
      </p>
    </>
  );
}

function Bar({ step, longest }: { step: StepReading; longest: number }) {
  const height = longest > 0 ? Math.max(1, (HEIGHT * step.length) / longest) : 1;
  return (
    <svg class="thumbnail" viewBox={`0 0 ${HEIGHT} ${HEIGHT}`} role="img" aria-label={describeStep(step)}>
      <rect x="10" width="20" y={HEIGHT - height} height={height} rx="2" />
    </svg>
  );
}
