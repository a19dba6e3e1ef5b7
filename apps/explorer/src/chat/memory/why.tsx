import { useState } from 'preact/hooks';
import { Facts, Hash } from '../../view/parts.tsx';
import type { CallName, KnownMemory, PanelMemories } from './memory-client.ts';
import { type CallFacts, type Reasons, readReasons } from './reasons.ts';

const LABELS: Readonly<Record<CallName, string>> = {
  proposal: 'Call that proposed it',
  vector: 'Call that made its vector',
  update: 'Call that compared it',
};

/** The words, receipts and older versions behind a memory. They are read when it is opened. */
export function Why({ memory, api }: { memory: KnownMemory; api: PanelMemories }) {
  const [reasons, setReasons] = useState<Reasons>();
  const [problem, setProblem] = useState<string>();
  const { quote } = memory;
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
      {quote ? (
        <figure>
          <blockquote>{quote.words}</blockquote>
          <figcaption>
            from a message of the {quote.role}
            {quote.day !== undefined && `, ${quote.day}`}
          </figcaption>
        </figure>
      ) : (
        <p class="note">You wrote this text, so it has no quote and no receipts.</p>
      )}
      {problem && (
        <p class="problem" role="alert">
          The receipts were not read: {problem}
        </p>
      )}
      {reasons && (
        <Facts rows={reasons.calls.map((call) => [LABELS[call.name], <Call key={call.name} call={call} />])} />
      )}
      {reasons && reasons.older.length > 0 && (
        <>
          <h3>Earlier versions</h3>
          <ol>
            {reasons.older.map(({ id, text, createdAt }) => (
              <li key={id}>
                {text} <small>{toDay(createdAt)}</small>
              </li>
            ))}
          </ol>
        </>
      )}
    </details>
  );
}

function Call({ call: { name, model, replyId, absence } }: { call: CallFacts }) {
  return (
    <>
      {model !== undefined && `${model} `}
      {replyId !== undefined && (
        <Hash hex={replyId} href={`/explorer/#/reply/${replyId}`} label={`${LABELS[name]}: reply`} />
      )}
      {absence}
    </>
  );
}

/** The day of a time in ISO 8601, UTC. */
export const toDay = (time: string): string => time.slice(0, 10);
