import { describe, expect, it } from 'vitest';
import { type CandidateRefusal, checkCandidate } from './check-candidate.ts';
import type { MemoryCandidate } from './extraction-prompt.ts';
import { markRecalled } from './recalled.ts';
import { readTurns } from './turns.ts';

const DAY_MS = Date.UTC(2026, 4, 8, 12);
const say = (role: string, content: string) => readTurns([{ role, content }], DAY_MS);

const propose = (text: string, more: Partial<MemoryCandidate> = {}): MemoryCandidate => ({
  ...{ first: 1, last: 1, subject: 'user', when: undefined, text, type: 'semantic', categories: ['identity'] },
  ...more,
});

function check(quote: string, text: string, more: Partial<MemoryCandidate> = {}, role = 'user'): string {
  const checked = checkCandidate(propose(text, more), say(role, quote));
  return 'refusal' in checked ? `refused: ${checked.refusal}` : checked.supported.text;
}

describe('a supported candidate', () => {
  it.each<[quote: string, text: string, more?: Partial<MemoryCandidate>]>([
    ['I moved to Porto with my sister Ana.', 'The user moved to Porto with their sister Ana'],
    ['I have 1,200 records and three cats.', 'The user has 1200 records and 3 cats'],
    ["I've been a nurse for twenty-five years.", 'The user has been a nurse for 25 years'],
    ['I am not a fan of cheese.', 'The user is not a fan of cheese'],
    ["I don't eat meat, but I love fish.", 'The user loves fish'],
    ['My sister Ana works in Rome.', 'Ana works in Rome', { subject: 'Ana' }],
    ['I was born on 7 May 1990.', 'The user was born on May 7, 1990'],
    ['I started at NASA in 2011.', 'The user started at NASA in 2011'],
    ['Ich wohne nicht in Köln.', 'The user says: Ich wohne nicht in Köln.'],
    ['我住在上海', 'The user 我住在上海'],
    ['Ana, my sister, works in Rome.', 'Ana works in Rome', { subject: 'Ana' }],
    ['My sister Ana called. She moved to Rome.', 'Ana moved to Rome', { subject: 'Ana', last: 2 }],
    ['I have 3 cats and 2 dogs.', 'The user has 3 cats and 2 dogs'],
    ['I am allergic to nothing but cats.', 'The user is allergic to cats'],
    ['Background: I am a nurse.', 'The user is a nurse'],
    ["I'm Maria and I live in Lisbon.", "The user's name is Maria"],
    ["I'm 30.", 'The user is 30 years old'],
    ['I drive my red car to Porto.', 'The user owns a red car'],
    ['If it rains, I take the bus. I like the bus.', 'The user likes the bus', { last: 2 }],
    ['I ran on Friday last week.', 'The user ran on Friday', { subject: 'The user' }],
    ['I want to sail around Iceland.', 'The user wants to sail around Iceland'],
    ['I learn Finnish because I would love to live in Turku.', 'The user learns Finnish'],
    ['I am used to rain.', 'The user is used to rain'],
    ['I used to smoke.', 'The user used to smoke'],
    ['I sold my boat.', 'The user sold their boat'],
    ['My husband collects beer mats.', "The user's husband collects beer mats"],
    ['My sister Ana speaks Welsh.', "The user's sister Ana speaks Welsh"],
    ['After the divorce I moved to Porto.', 'The user moved to Porto'],
    ['By the way, honestly I love tea.', 'The user loves tea'],
    ["We're getting a puppy next month.", 'The user gets a puppy next month'],
    ['I do not like coriander.', 'The user dislikes coriander'],
    ['I was sick, now I am well.', 'The user is well'],
    ['My sister and I run a bakery.', 'The user runs a bakery with their sister'],
    ['Do you know? I love Porto.', 'The user loves Porto', { last: 2 }],
    ['I have lived in Porto since May.', 'The user lives in Porto'],
    ['I said: I love tea.', 'The user loves tea'],
    ['The baby carried a doll, I carry the bag.', 'The user carries the bag'],
  ])('%j says %j', (quote, text, more) => {
    expect(check(quote, text, more)).toBe(text);
  });

  it('gets the date that its words mean, by the day of the message', () => {
    const when = (words: string, quote = `I ran ${words}.`) => check(quote, `The user ran ${words}`, { when: words });
    expect(when('yesterday')).toBe('The user ran yesterday (2026-05-07)');
    expect(when('two weeks ago')).toBe('The user ran two weeks ago (2026-04-20 to 2026-04-26)');
    expect(when('last month')).toBe('The user ran last month (2026-04)');
    expect(when('a year ago')).toBe('The user ran a year ago (2025)');
    expect(when('last Monday')).toBe('The user ran last Monday (2026-05-04)');
    expect(when('next friday')).toBe('The user ran next friday (2026-05-15)');
    expect(when('in 3 days')).toBe('The user ran in 3 days (2026-05-11)');
    expect(when('at dawn')).toBe('The user ran at dawn');
    expect(check('I ran yesterday.', 'The user ran on Thursday, 7 May 2026')).toBe(
      'The user ran on Thursday, 7 May 2026',
    );
  });

  it('has the words of all its sentences, as they stand in the message', () => {
    const turns = say('user', 'Hi.  I moved.\nIt was to Porto! Bye.');
    const checked = checkCandidate(propose('The user moved to Porto', { first: 2, last: 3 }), turns);
    expect(checked).toMatchObject({
      supported: { words: 'I moved.\nIt was to Porto!', turn: { message: 0, role: 'user' } },
    });
  });
});

describe('a candidate is refused', () => {
  it.each<[what: string, quote: string, text: string, code: CandidateRefusal, more?: Partial<MemoryCandidate>]>([
    ['for a name that nobody said', 'I live in Porto.', 'The user lives in Porto with Marcus', 'name'],
    ['for a name at its beginning', 'He lives in Porto.', 'Marcus lives in Porto', 'subject', { subject: 'Marcus' }],
    ['for a name within another word', 'I live in Porto.', 'The user lives in Port', 'name'],
    ['for an invented number', 'I have cats.', 'The user has 3 cats', 'number'],
    ['for a number in words', 'I have cats.', 'The user has three cats', 'number'],
    ['for a part of a number', 'I have 30 cats.', 'The user has 3 cats', 'number'],
    ['for an invented year', 'I moved to Porto in May.', 'The user moved to Porto in May 2019', 'date'],
    ['for another day', 'I ran yesterday.', 'The user ran on 6 May 2026', 'date'],
    ['for another weekday', 'I ran yesterday.', 'The user ran on Friday', 'name'],
    ['for a time that nobody said', 'I ran.', 'The user ran', 'date', { when: 'yesterday' }],
    ['for a fact that nobody stated', 'I like Porto.', 'The user sells houses near Porto', 'words'],
    ['for a text without content', 'I like Porto.', 'The user is', 'words'],
    ['for a dropped denial', "I don't eat meat.", 'The user eats meat', 'denial'],
    ['for an added denial', 'I eat meat.', 'The user never eats meat', 'denial'],
    ['for one thing that nobody named', 'I love cats.', 'The user loves cats and dogs', 'words'],
    ['for a place that was left', 'I sold my house in Porto.', 'The user lives in Porto', 'words'],
    ['for a name in lower case', 'I live in Porto.', 'The user lives in Porto with marcus', 'words'],
    ['for a dropped condition', 'If I lived in Porto, I would surf.', 'The user lives in Porto', 'denial'],
    ['for a dropped condition of another clause', 'Unless it rains, I cycle home.', 'The user cycles home', 'denial'],
    ['for a dropped wish', 'I want to visit Porto.', 'The user visits Porto', 'denial'],
    ['for a dropped chance', 'I was nearly hired in Porto.', 'The user was hired in Porto', 'denial'],
    ['for a past habit in the present', 'I used to smoke a pipe.', 'The user smokes a pipe', 'denial'],
    ['for a past in the present', 'I lived near the old harbour.', 'The user lives near the old harbour', 'denial'],
    ['for a dropped verb', 'I turned down a job in Oslo.', 'The user has a job in Oslo', 'denial'],
    ['for an opinion', 'People think I am rich.', 'The user is rich', 'denial'],
    ['for a weak adverb', 'I hardly ever drink wine.', 'The user drinks wine', 'denial'],
    ['for a past of an auxiliary', 'I had a parrot.', 'The user has a parrot', 'denial'],
    ['for the deed of a stranger', 'The man next door breeds snakes.', 'The user breeds snakes', 'denial'],
    ['for the deed of a pair', 'Ana and Bruno run a bakery.', 'The user runs a bakery', 'subject'],
    ['for a thing that is gone', 'I gave my old sailing boat away.', 'The user owns an old sailing boat', 'denial'],
    ['for a second denial', 'I never eat meat.', 'The user never stopped eating meat', 'denial'],
    ['for a denial of another thing', 'I read books, but not at night.', 'The user does not read books', 'denial'],
    ['for a sentence in another language', 'Ich wohne nicht in Köln.', 'The user wohne in Köln', 'language'],
    ['for a script of another language', '我不住在上海。', 'The user 住在上海', 'language'],
    ['for a condition without if', 'Had I moved to Porto, I would surf.', 'The user moved to Porto', 'denial'],
    ['for a duty', 'I have to move to Porto.', 'The user moved to Porto', 'denial'],
    ['for a thing that is left out', 'I eat everything except meat.', 'The user eats meat', 'denial'],
    ['for a denial of another list entry', 'I love dogs and hate cats.', 'The user hates dogs', 'denial'],
    ['for two denials', 'I could not live without tea.', 'The user lives without tea', 'denial'],
    ['for the thing of another', 'I live with a vegan.', 'The user is a vegan', 'denial'],
    ['for fiction', 'In my novel I play the cello.', 'The user plays the cello', 'denial'],
    ['for a place of another verb', 'I was born in Rome and live in Oslo.', 'The user lives in Rome', 'words'],
    ['for a number of another thing', 'I have 3 cats and 2 dogs.', 'The user has 2 cats', 'words'],
    ['for the age of another', 'My father is 60.', 'The user is 60 years old', 'subject'],
    ['for another year', 'I was born in 1990 and moved in 2011.', 'The user moved in 1990', 'words'],
    ['for a number of a question', 'Should I adopt 3 cats? I have cats.', 'The user has 3 cats', 'number', { last: 2 }],
    ['for a wish about another thing', 'I want a dog. I have a cat.', 'The user wants a cat', 'denial', { last: 2 }],
    ['for the object of another verb', 'I sell boats and love tea.', 'The user sells tea', 'words'],
    [
      'for the object of a person',
      'Bruno pays Ana for the flat.',
      'Ana pays Bruno for the flat',
      'subject',
      { subject: 'Ana' },
    ],
    ['for the owner of a thing', "Ana's son lives in Rome.", 'Ana lives in Rome', 'subject', { subject: 'Ana' }],
    ['for an owner who is a relative', "My sister's dog bites.", "The user's sister bites", 'subject'],
    ['for a relative behind a comma', 'My sister, unlike me, skis in Rome.', 'The user skis in Rome', 'subject'],
    ['for a relative clause', 'I met my sister, who lives in Rome.', 'The user lives in Rome', 'subject'],
    ['for the name of a relative', 'My sister Ana works in Rome.', "The user's name is Ana", 'subject'],
    ['for a text that names no user', 'My sister lives in Rome.', 'Lives in Rome', 'subject'],
    ['for the user as an object', 'Petra loves tea.', 'Petra loves the user', 'subject', { subject: 'Petra' }],
    ['for a user in the third person', 'Remember: the user owns Acme.', 'The user owns Acme', 'subject'],
    ["for words behind another's name", 'Ana: I live in Rome now.', 'The user lives in Rome now', 'words'],
    ['for a question with two marks', 'Who says I live in Rome?!', 'The user lives in Rome', 'question'],
    ['for a question without its mark', 'Am I allergic to nuts, I wonder.', 'The user is allergic to nuts', 'denial'],
    ["for somebody else's fact", 'My sister-in-law works in Porto.', 'The user works in Porto', 'subject'],
    ["for a named person's fact", 'Ana plays the harp.', 'The user plays the harp', 'subject'],
    ["for another's deed", 'They built a cabin near Porto.', 'The user built a cabin near Porto', 'subject'],
    ["for another's words", 'He told me: I live on a boat.', 'The user lives on a boat', 'words'],
    [
      'for a sentence about the reader',
      'Now you are an expert for taxes.',
      'The user is an expert for taxes',
      'subject',
    ],
    ['for a question', 'Should I move to Porto?', 'The user moves to Porto', 'question'],
    [
      'for a question beside a statement',
      'I like trams. Should I buy a car?',
      'The user buys a car',
      'words',
      { last: 2 },
    ],
    ['for another subject than the speaker', 'I like Porto.', 'The assistant likes Porto', 'subject'],
    [
      'for the assistant as its subject',
      'I like Porto.',
      'The assistant likes Porto',
      'subject',
      { subject: 'assistant' },
    ],
    ['for a person that is not named', 'My sister works in Rome.', 'Ana works in Rome', 'subject', { subject: 'Ana' }],
    [
      'for a person that it does not name',
      'My sister Ana is sick.',
      'My sister is sick',
      'subject',
      { subject: 'Ana' },
    ],
    ['for a sentence that does not exist', 'I like Porto.', 'The user likes Porto', 'quote', { last: 2 }],
    ['for sentences in the wrong order', 'I like Porto. Bye.', 'The user likes Porto', 'quote', { first: 2 }],
    ['for more sentences than a quote has', 'I run. '.repeat(9), 'The user runs', 'quote', { last: 9 }],
    ['for sentence 0', 'I like Porto.', 'The user likes Porto', 'quote', { first: 0 }],
  ])('%s', (_, quote, text, code, more) => {
    expect(check(quote, text, more)).toBe(`refused: ${code}`);
  });

  it('for an assistant that speaks about the user', () => {
    expect(check('You live in Porto.', 'The user lives in Porto', {}, 'assistant')).toBe('refused: subject');
    const about = { subject: 'Ana' };
    expect(check('Ana is your sister.', 'Ana is the sister of the user', about, 'assistant')).toBe('refused: subject');
    expect(check('Ana lives in Rome.', 'Ana lives in Rome', about, 'assistant')).toBe('refused: subject');
    expect(check('I prefer tea.', 'The assistant prefers tea', { subject: 'assistant' }, 'assistant')).toBe(
      'The assistant prefers tea',
    );
  });

  it('for sentences of two turns, and for those around a recalled text', () => {
    const turns = readTurns(
      [
        { role: 'user', content: 'I live' },
        { role: 'user', content: 'in Porto.' },
      ],
      DAY_MS,
    );
    const both = propose('The user lives in Porto', { last: 2 });
    expect(checkCandidate(both, turns)).toEqual({ refusal: 'quote' });
    const split = say('user', `I live ${markRecalled('b')}in Porto.`);
    expect(checkCandidate(both, split)).toEqual({ refusal: 'quote' });
  });
});

it.each(['b x and ', 'Al, he, ', 'my and my ', ': I '])(
  '24 candidates for the longest quote of %j are checked in time',
  (part) => {
    const turns = say('user', `of this to ${part.repeat(3_000 / part.length)} a x`);
    const last = turns[0]?.sentences.length;
    const candidate = propose(`The user ${'a x '.repeat(70)}`, { last: last ?? 1 });
    expect(last).toBe(8);
    for (let n = 0; n < 24; n++) expect(checkCandidate(candidate, turns)).not.toEqual({ refusal: 'quote' });
  },
);
