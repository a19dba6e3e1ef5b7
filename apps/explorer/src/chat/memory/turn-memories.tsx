import { plural } from '../../format.ts';
import type { ChatTurn } from '../conversation.ts';

/** The memories that went with a question, and those that its turn became. */
export function TurnMemories({ turn: { recalled, kept } }: { turn: ChatTurn }) {
  return (
    <>
      {recalled && 'problem' in recalled && (
        <p class="note bad">The question went without memories: {recalled.problem}</p>
      )}
      {recalled && 'memories' in recalled && <Texts label="used" texts={recalled.memories.map(({ text }) => text)} />}
      {kept && 'problem' in kept && <p class="note bad">Not remembered: {kept.problem}</p>}
      {kept && 'texts' in kept && <Texts label="stored" texts={kept.texts} />}
    </>
  );
}

function Texts({ label, texts }: { label: string; texts: readonly string[] }) {
  const title = `${plural(texts.length, 'memory', 'memories')} ${label}`;
  if (texts.length === 0) return <p class="note">{title}</p>;
  return (
    <details class="raw">
      <summary>{title}</summary>
      <ul>
        {texts.map((text) => (
          <li key={text}>{text}</li>
        ))}
      </ul>
    </details>
  );
}
