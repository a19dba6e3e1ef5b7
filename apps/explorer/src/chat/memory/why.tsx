import { useState } from 'preact/hooks';
import { Facts, Hash } from '../../view/parts.tsx';
import { CALL_LABELS, Call } from './call-facts.tsx';
import type { PanelMemories } from './memory-client.ts';
import type { KnownMemory } from './parse-memory.ts';
import { type Reasons, readReasons } from './reasons.ts';
import { toDay } from './to-day.ts';

/** The words, receipts and older versions behind a memory. They are read when it is opened. */
export function Why({ memory, api }: { memory: KnownMemory; api: PanelMemories }) {
  const [reasons, setReasons] = useState<Reasons>();
  const [problem, setProblem] = useState<string>();
  const open = (isOpen: boolean): void => {
    if (!isOpen || reasons !== undefined) return;
    setProblem(undefined);
    readReasons(api, memory).then(setReasons, (error: Error) => setProblem(error.message));
  };
  return (
    <details class="raw" onToggle={({ currentTarget }) => open(currentTarget.open)}>
      <summary>
        Why<span class="hidden">: {memory.text}</span>
      </summary>
      <Quote memory={memory} />
      {problem && (
        <p class="problem" role="alert">
          The receipts were not read: {problem}
        </p>
      )}
      {reasons === undefined && !problem && <p role="status">Reading the receipts …</p>}
      {reasons && (
        <Facts
          rows={reasons.calls.map((facts) => [
            CALL_LABELS[facts.name],
            <Call key={facts.name} facts={facts} api={api} />,
          ])}
        />
      )}
      {reasons && reasons.older.length > 0 && (
        <>
          <h3>Earlier versions</h3>
          <ol>
            {reasons.older.map(({ id, text, createdAt, supersededAt }) => (
              <li key={id}>
                {text}{' '}
                <small>
                  {toDay(createdAt)}
                  {supersededAt !== undefined && ` to ${toDay(supersededAt)}`}
                </small>
              </li>
            ))}
          </ol>
        </>
      )}
    </details>
  );
}

function Quote({ memory: { quote } }: { memory: KnownMemory }) {
  if (quote === undefined) return <p class="note">You wrote this text, so it has no quote and no receipts.</p>;
  const { words, role, day, message, messageHash } = quote;
  return (
    <figure>
      <blockquote>{words}</blockquote>
      <figcaption>
        message {message + 1} of its call, by the {role}
        {day !== undefined && `, ${day}`}, SHA-256 <Hash hex={messageHash} />
      </figcaption>
    </figure>
  );
}
