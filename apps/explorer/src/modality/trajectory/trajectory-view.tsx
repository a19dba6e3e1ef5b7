import { toHex } from '@ogong/protocol/base/bytes';
import { TRAJECTORY_ENDPOINT_INFO } from '@ogong/protocol/modality/trajectory/endpoints';
import { formatPlan, type GuidancePlan } from '@ogong/protocol/modality/trajectory/guidance-plan';
import { GUIDANCE_ONE } from '@ogong/protocol/modality/trajectory/request';
import { STRENGTH_ONE } from '@ogong/protocol/modality/trajectory/request-picture';
import type { AuditReading } from '../../check/read-audit.ts';
import { plural } from '../../format.ts';
import { Pixels } from '../../pictures/pixels.tsx';
import { CheckList, Facts, Hash } from '../../view/parts.tsx';
import { BytesFigure } from '../exact-bytes.tsx';
import type { ModalityView } from '../modality.ts';
import { readTrajectory, type TrajectoryReading } from './read-trajectory.ts';
import { StepStrip } from './step-strip.tsx';

/** Checks of stage 1 that are about the steps, in the order of the steps. */
const STEP_CHECKS = ['draw-key', 'choices', 'links', 'projections', 'pixels'];

export const trajectoryView: ModalityView = {
  endpoints: Object.keys(TRAJECTORY_ENDPOINT_INFO),
  show(reply) {
    const read = readTrajectory(reply);
    const checks = STEP_CHECKS.flatMap((id) => reply.verdict.checks.find((one) => one.id === id) ?? []);
    return (
      <>
        <Picture read={read} audit={reply.audit} />
        <section class="trajectory" aria-label="Steps of the picture">
          <h3>From noise to picture in {plural(read.steps.length, 'step')}</h3>
          <StepStrip steps={read.steps} />
          <CheckList checks={checks} label="Checks of the steps" />
        </section>
        <div class="texts">
          <BytesFigure title="Request, its exact bytes" bytes={reply.file.request} />
        </div>
      </>
    );
  },
};

function Picture({ read, audit }: { read: TrajectoryReading; audit: AuditReading | undefined }) {
  const { request, header, pixels, leftOut } = read;
  const { width, height, steps, guidanceQ16, guidancePlan, sampler } = header.choices;
  const { source } = header;
  return (
    <div class="picture">
      {pixels ? (
        <Pixels
          picture={{ width, height, pixels }}
          label={request.prompt ? `Picture of: ${request.prompt.slice(0, 200)}` : 'The picture'}
          name={width < 256 ? 'pixels coarse' : 'pixels'}
        />
      ) : (
        <p class="empty">The response is no picture of {`${width}x${height}`} pixels.</p>
      )}
      <div>
        {request.prompt && <p class="prompt">{request.prompt}</p>}
        <Facts
          rows={[
            ...(request.negativePrompt ? ([['Without', request.negativePrompt]] as const) : []),
            ['Size', `${width}x${height} pixels`],
            ['Steps', leftOut > 0 ? `${steps - leftOut} of ${steps}, since a picture is changed` : steps],
            ['Guidance', +(guidanceQ16 / GUIDANCE_ONE).toFixed(3)],
            ...(guidancePlan ? ([['Guided steps', describePlan(guidancePlan)]] as const) : []),
            ['Sampler', sampler],
            ...(source
              ? ([
                  ['Changed picture', <Hash key="p" hex={toHex(source.pictureHash)} />],
                  ['Strength', +(source.strengthQ16 / STRENGTH_ONE).toFixed(3)],
                  ['Mask', source.mask ? <Hash key="m" hex={toHex(source.mask.fileHash)} /> : 'none'],
                ] as const)
              : []),
            ['Audit', describeAudit(audit, read)],
          ]}
        />
      </div>
    </div>
  );
}

function describePlan(plan: GuidancePlan): string {
  const { guidance_start: start, guidance_end: end, guidance_momentum: momentum } = formatPlan(plan);
  const [from, to, factor] = [start, end, momentum].map((value) => +value.toFixed(3));
  const window = `from ${from} to ${to} of the schedule`;
  return factor === 0 ? window : `${window}, with momentum ${factor}`;
}

const EVIDENCE_WORDS = { exact: ' by equal bits', statistical: ' by distance', none: '' } as const;

/** Describes the audit in one sentence. A reply that nobody has judged, or whose log was not read, has no result. */
function describeAudit(audit: AuditReading | undefined, { steps }: TrajectoryReading): string {
  if (audit === undefined) return 'not known here: the log of the validator is not read';
  const { verdict, evidence, verifiers, epoch } = audit;
  if (verifiers === 0) return epoch > 0n ? `${verdict}: epoch ${epoch} did not select it` : verdict;
  const drawn = steps.filter(({ isAudited }) => isAudited).map(({ number }) => number);
  const again =
    drawn.length > 0
      ? `ran ${drawn.length === 1 ? 'step' : 'steps'} ${drawn.join(' and ')} again`
      : 'ran drawn steps again';
  return `${verdict}${EVIDENCE_WORDS[evidence]}: ${plural(verifiers, 'verifier')} ${again}, drawn by epoch ${epoch}`;
}
