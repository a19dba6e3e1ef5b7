import type { Check } from '@ogong/protocol/base/checks';
import { useState } from 'preact/hooks';
import { GroupedChecks } from '../../view/grouped-checks.tsx';
import { Hash } from '../../view/parts.tsx';
import type { PanelMemories } from './memory-client.ts';
import type { CallName, ProvenCall } from './parse-memory.ts';
import type { CallFacts } from './reasons.ts';

export const CALL_LABELS: Readonly<Record<CallName, string>> = {
  proposal: 'Call that proposed it',
  vector: 'Call that made its vector',
  update: 'Call that compared it',
};

const CHECK_LISTS = {
  fail: 'Checks of the receipt that failed',
  skip: 'Checks of the receipt that were not made',
  pass: 'Checks of the receipt',
} as const;

/** A call that made a memory, with its reply and the checks of its receipt. */
export function Call({ facts: { name, call, replyId, absence }, api }: { facts: CallFacts; api: PanelMemories }) {
  return (
    <>
      {call && `${call.model} `}
      {replyId !== undefined && (
        <Hash hex={replyId} href={`/explorer/#/reply/${replyId}`} label={`${CALL_LABELS[name]}: reply`} />
      )}
      {absence}
      {call && <CallChecks call={call} label={CALL_LABELS[name]} api={api} />}
    </>
  );
}

/** The checks are made when the user asks: their code is large. */
function CallChecks({ call, label, api }: { call: ProvenCall; label: string; api: PanelMemories }) {
  const [checks, setChecks] = useState<readonly Check[]>();
  const [said, setSaid] = useState<string>();
  const check = (): void => {
    setSaid('checking …');
    api.checkCall(call).then(
      (verdict) => {
        setSaid(undefined);
        setChecks(verdict.checks);
      },
      (error: Error) => setSaid(`not checked: ${error.message}`),
    );
  };
  if (checks) return <GroupedChecks checks={checks} labels={CHECK_LISTS} name={`Checks: ${label}`} />;
  return (
    <>
      {' '}
      <button type="button" class="quiet small" aria-label={`check the receipt: ${label}`} onClick={check}>
        check
      </button>{' '}
      <span role="status">{said}</span>
    </>
  );
}
