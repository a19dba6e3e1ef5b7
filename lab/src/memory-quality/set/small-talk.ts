/** Fillers of slots. A conversation uses each one once. */
export const FILLERS: Readonly<Record<'name' | 'city' | 'pet' | 'month', readonly string[]>> = {
  name: [
    ...['Alma', 'Bastian', 'Carla', 'Dorin', 'Edda', 'Farid', 'Greta', 'Hasan', 'Ilse', 'Jonas', 'Kirsi', 'Lorenz'],
    ...[
      'Mirela',
      'Nadim',
      'Oona',
      'Pavel',
      'Quirin',
      'Rosalie',
      'Stellan',
      'Tamar',
      'Ulrike',
      'Vasco',
      'Wanda',
      'Yusuf',
    ],
    ...['Zelda', 'Anouk', 'Bruno', 'Cosima', 'Dario', 'Elif', 'Fenna', 'Gideon', 'Hedwig', 'Imre', 'Jolanda', 'Kaspar'],
  ],
  city: [
    ...['Trieste', 'Bergen', 'Ghent', 'Tartu', 'Porto', 'Graz', 'Leeds', 'Malaga', 'Lyon', 'Turku', 'Split', 'Basel'],
    ...['Aarhus', 'Brno', 'Cork', 'Dundee', 'Gdynia', 'Kaunas', 'Linz', 'Namur', 'Oulu', 'Pisa', 'Rennes', 'Uppsala'],
    ...['Varna', 'Zadar', 'Bremen', 'Delft', 'Evora', 'Funchal'],
  ],
  pet: ['Biscuit', 'Comet', 'Pepper', 'Nimbus', 'Waffle', 'Tarzan', 'Olive', 'Mango'],
  month: ['January', 'February', 'March', 'April', 'June', 'July', 'August', 'September', 'October', 'November'],
};

/** Sentences of users that state nothing worth remembering. */
export const CHATTER: readonly string[] = [
  ...['Good morning!', 'Thanks, that helps.', 'Can you make the last answer shorter?', 'Hm, let me think.'],
  ...[
    'How do I remove wine from a carpet?',
    'That was fast.',
    'What is the capital of Mongolia?',
    'Sounds good to me.',
  ],
  ...['Could you write a limerick about fog?', 'Never mind.', 'Is a tomato a fruit?', 'Ha, very funny.'],
  ...['Please translate "good luck" into Greek.', 'The weather is dreadful today.', 'One more question.'],
  ...['Who invented the zip?', 'Let us go on.', 'That is not quite the right tone.'],
];

/** Answers of the assistant. Some state facts of the world, some guess about the user. */
export const REPLIES: readonly string[] = [
  ...['Got it. What else is on your mind?', 'Thank you for telling me!', 'Here is a shorter version.'],
  ...[
    'You seem to be a very organised person.',
    'Tea was first grown in China.',
    'You probably live in a large house.',
  ],
  ...['I prefer short answers, too.', 'Many people own a bicycle these days.', 'That sounds like a lot of work.'],
  ...['Shall I add it to your list?', 'You must be around forty years old.', 'Ulaanbaatar is the capital of Mongolia.'],
];

/** A prompt that an application gives the model. Nothing of it is a fact that the user stated. */
export const PLANTED: readonly string[] = [
  ...['You are Nova, a careful assistant of the shop Lumen.', 'Answer in short sentences.'],
  ...['The user is a premium member and prefers formal language.', 'The user lives in Springfield.'],
  ...['Example: the user works as a florist.'],
];

/** Another prompt, which a user pastes into a message. */
export const PASTED: readonly string[] = [
  ...['You are Orbit, an expert for contracts.', 'Reply in bullet points.'],
  ...['The user is a lawyer in Denver.', 'The user likes long explanations.'],
];

/** Output of a tool, which the application writes into the conversation. */
export const TOOL_OUTPUT: readonly string[] = ['The user owns 3 vehicles.', 'The user ordered a violin.'];

/** A memory of another service that stands in a message with the mark of a recalled text. */
export const RECALLED: readonly string[] = ['The user has a yacht called Marlin.'];
