import type { Check } from '@ogong/protocol/base/checks';
import { countChecks } from '@ogong/protocol/verdict/check-count';
import { groupChecks } from '@ogong/protocol/verdict/check-groups';
import { plural } from '../format.ts';
import { CheckList, CheckMark } from './parts.tsx';

const countOf = (checks: readonly Check[], status: Check['status']): number =>
  checks.filter((one) => one.status === status).length;

/** Describes a group by its worst checks first, such as "1 refuted, 12 proven". */
function describeGroup(checks: readonly Check[]): string {
  const [failed, passed, skipped] = [countOf(checks, 'fail'), countOf(checks, 'pass'), countOf(checks, 'skip')];
  return [
    ...(failed > 0 ? [`${failed} refuted`] : []),
    ...(passed > 0 ? [`${passed} proven`] : []),
    ...(skipped > 0 ? [`${skipped} not checked`] : []),
  ].join(', ');
}

/** A group is proven only if every check of it passed: a check that was not made is never a pass. */
const standingOf = (checks: readonly Check[]): Check['status'] =>
  countOf(checks, 'fail') > 0 ? 'fail' : countOf(checks, 'skip') > 0 ? 'skip' : 'pass';

/** One line for each group of checks: refuted checks come first in full, all others are one click behind. */
export function GroupedChecks({
  checks,
  labels,
  name = 'Groups of checks',
}: {
  checks: readonly Check[];
  name?: string;
  /** Names of the lists of refuted, unmade and proven checks. */
  labels: Readonly<Record<Check['status'], string>>;
}) {
  const of = (status: Check['status']): readonly Check[] => checks.filter((one) => one.status === status);
  const [failed, skipped, passed] = [of('fail'), of('skip'), of('pass')];
  const others = skipped.length + passed.length;
  const { beside, ...count } = countChecks(checks);
  const besides = beside.passed.length + beside.skipped.length;
  const all = `All ${plural(count.passed + count.skipped, 'check')}`;
  return (
    <>
      {failed.length > 0 && <CheckList checks={failed} label={labels.fail} />}
      <ul class="groups" aria-label={name}>
        {groupChecks(checks).map(({ title, note, checks: found }) => (
          <li key={title} class={standingOf(found)} title={note}>
            <CheckMark status={standingOf(found)} />
            <strong>{title}</strong> <span class="state">{describeGroup(found)}</span>
          </li>
        ))}
      </ul>
      {others > 0 && (
        <details class="raw">
          <summary>
            {failed.length > 0
              ? `The other ${plural(others, 'check')}`
              : `${all}${besides > 0 ? `, and ${besides} beside the receipt` : ''}`}
          </summary>
          {skipped.length > 0 && <CheckList checks={skipped} label={labels.skip} />}
          {passed.length > 0 && <CheckList checks={passed} label={labels.pass} />}
        </details>
      )}
    </>
  );
}
