"""Things that can be eaten, that fly, that fit into a hand: choose all that have a property, twice.

The tables hold only clear cases; a thing is offered as wrong only if it stands in the property's own list of wrong
ones. Some of the wrong ones are traps: they carry a word that a list of words would take for right ("apple tree", "toy
elephant"). A property is asked as such or denied ("what would nobody eat?"), in several wordings.
"""

from dataclasses import dataclass
from random import Random

from freetheai.challenge.answers import grade
from freetheai.challenge.model import Challenge, Family
from freetheai.challenge.posing import Question, pose
from freetheai.challenge.wording import say, uneven_subset

NAME = "things"
_OFFERED = 8


@dataclass(frozen=True, slots=True)
class Property:
    """What may be true of a thing: how it is asked and denied, things of which it is or isn't true, and traps."""

    asked: str
    denied: str
    yes: tuple[str, ...]
    no: tuple[str, ...]
    traps: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))


PROPERTIES = (
    Property(
        "[Which of these|What] [could you hide|fits] in one closed hand?",
        "[Which of these|What] [is|are] too big for a closed hand?",
        _words(
            "coin, ring, button, pea, grape, nut, bean, marble, earring, paper clip, match, house key, "
            "bus ticket, car key"
        ),
        _words("sofa, elephant, door, bathtub, ladder, piano, horse, bridge, tent, mattress, cow, wardrobe, fridge"),
        _words("button factory, nut tree, coin museum, pea field, ring road, grape harvester, bean field"),
    ),
    Property(
        "[Which of these|What] [can|may] [a person|people|you] eat [for lunch|when hungry|at a meal]?",
        "[Which of these|What] [would|could] nobody [ever|] eat?",
        _words(
            "bread, carrot soup, rice, cheese sandwich, banana, noodles, omelette, peach, apple pie, "
            "chocolate mouse, fruit salad, mashed potatoes, gingerbread man, pancakes"
        ),
        _words("shoe, brick, pillow, hammer, towel, telephone, chair, umbrella, sock, bicycle, window"),
        _words(
            "apple tree, wooden banana, bread knife, cheese grater, salad bowl, soup spoon, cake tin, plastic carrot"
        ),
    ),
    Property(
        "[Which of these|What] [rolls|goes|moves] on wheels?",
        "[Which of these|What] [has|have] no wheels [at all|]?",
        _words(
            "tram, roller skate, skateboard, motorbike, taxi, tractor, pram, shopping trolley, wheelbarrow, "
            "scooter, lorry"
        ),
        _words("canoe, horse, ladder, kite, spoon, tree, river, hat, pillow, fence, swing, rowing boat"),
        _words("bus ticket, car key, taxi driver, bicycle bell, truck driver, traffic light, bus stop, lorry driver"),
    ),
    Property(
        "[Which of these|What] [melts|would melt|gets soft and runs] in the hot sun?",
        "[Which of these|What] [stays as it is|does not melt] in the hot sun?",
        _words("ice cream, ice cube, snowman, butter, chocolate bar, icicle, snowball, ice lolly, frozen milk"),
        _words("stone, brick, coin, hammer, key, glass bottle, nail, teapot, axe, flower pot, iron gate"),
        _words("butter knife, ice skates, snow shovel, ice cream spoon, stone snowman, snow boots, ice hockey stick"),
    ),
    Property(
        "[Which of these|What] [can|could] you play [music|a tune] on?",
        "On [which of these|what] can nobody play [a tune|music]?",
        _words("piano, flute, harp, accordion, cello, clarinet, banjo, church organ, mouth organ, bagpipes, xylophone"),
        _words("pillow, carpet, sandwich, blanket, sponge, tomato, curtain, shoe, mattress, lemon"),
        _words("guitar case, piano stool, trumpet lesson, violin teacher, drum shop, harp player, flute bag"),
    ),
    Property(
        "[Which of these live|Which live|What lives] [under water|below the surface of the water]?",
        "[Which of these|What] [doesn't live|never lives] under water?",
        _words("octopus, jellyfish, squid, trout, goldfish, seahorse, shark, herring, whale, cod, lobster"),
        _words("camel, sparrow, giraffe, sheep, bee, goat, hen, rabbit, donkey, squirrel, spider"),
        _words(
            "fisherman, toy shark, fish shop, tuna sandwich, paper fish, whale watcher, wooden dolphin, fishing boat"
        ),
    ),
    Property(
        "[Which of these|What] can fly [alone|with its own wings|without a machine]?",
        "[Which of these|What] can never fly [with wings of its own|by itself]?",
        _words("eagle, butterfly, owl, dragonfly, seagull, swallow, moth, wasp, ladybird, mosquito, stork, bat"),
        _words("snake, frog, shark, snail, mouse, tortoise, elephant, hedgehog, worm, crab, lion"),
        _words("bird cage, butterfly net, bee hive, pigeon feather, stone eagle, owl picture, sparrow egg"),
    ),
    Property(
        "[Which of these|What] [do|would] people [put on|wear]?",
        "[Which of these|What] would nobody wear?",
        _words(
            "socks, trousers, scarf, jacket, skirt, jumper, pyjamas, raincoat, sandals, swimsuit, wedding dress, "
            "mittens"
        ),
        _words("spoon, plate, window, fork, brick, fridge, cloud, bridge, stove, river, ladder"),
        _words("shoe box, coat hanger, hat shop, sock drawer, glove factory, shirt seller, dress shop, shoe cream"),
    ),
    Property(
        "[Which of these|What] [does not work|is of no use] without electricity?",
        "[Which of these|What] [can be used|is useful] without any electricity?",
        _words(
            "television, computer, washing machine, vacuum cleaner, toaster, microwave, hair dryer, freezer, dishwasher"
        ),
        _words("spoon, hammer, broom, scissors, pencil, cup, comb, ladder, pillow, rope, fork, shovel"),
        _words("paper fan, computer desk, printer paper, toast rack, oil lamp, freezer bag, fridge magnet"),
    ),
    Property(
        "[Which of these|What] [can|could] you drink?",
        "[Which of these|What] [could|would] nobody drink?",
        _words(
            "cold milk, coffee, orange juice, lemonade, hot cocoa, apple juice, peppermint tea, mineral water, "
            "milkshake"
        ),
        _words("sand, brick, carpet, stone, wool, coal, paper, gravel, hay, plaster, straw"),
        _words("tea towel, coffee table, milk bottle top, water wheel, juice glass, teaspoon, cocoa tin, coffee cup"),
    ),
    Property(
        "[Which of these|What] would burn [your hand|you] [when touched|]?",
        "[Which of these|What] can you touch and [not be burnt|not get burnt]?",
        _words(
            "boiling water, candle flame, lava, glowing coal, boiling soup, red-hot steel, burning log, hot frying pan"
        ),
        _words("snow, cold milk, pillow, wet towel, grass, sweater, pencil, wool, rain, feather, cold iron"),
        _words("fire engine, candle box, picture of a fire, oven glove, stove shop, fireman, matchbox, firewood"),
    ),
    Property(
        "[Which of these|What] [weighs more than|is heavier than] a grown man?",
        "[Which of these|What] [weighs less than|is lighter than] a [small|] child?",
        _words(
            "elephant, bus, whale, lorry, ship, locomotive, aeroplane, rhinoceros, hippopotamus, tractor, bridge, cow"
        ),
        _words("mouse, spoon, cup, feather, hat, pencil, egg, newspaper, balloon, sock, leaf, butterfly"),
        _words("toy elephant, paper ship, house key, bus ticket, car key, train ticket, whale picture, elephant stamp"),
    ),
    Property(
        "[Which of these|What] [is|are] a part of your body?",
        "[Which of these|What] [is|are] not a part of your body?",
        _words(
            "elbow, chin, ankle, tongue, heel, eyebrow, wrist, forehead, cheek, little finger, big toe, eyelid, "
            "lower lip"
        ),
        _words("mirror, comb, belt, spoon, towel, handbag, carpet, wallet, umbrella, pencil"),
        _words(
            "finger paint, nose ring, knee socks, ear plug, toe ring, hand cream, neck scarf, eye glasses, thumb ring"
        ),
    ),
    Property(
        "[Which of these|What] [is|has the shape of] a ball?",
        "[Which of these|What] does not have the shape of a ball?",
        _words("orange, globe, marble, pea, cherry, tennis ball, pearl, snowball, soap bubble, golf ball, basketball"),
        _words("book, ladder, door, ruler, fork, envelope, fence, key, brick, pencil, chair, bridge"),
        _words(
            "orange juice, pea soup, cherry tree, football pitch, tennis court, ball gown, football shirt, "
            "tennis racket"
        ),
    ),
    Property(
        "[Which of these|What] [do people use|is used] for cutting?",
        "[Which of these|What] could never cut [anything|bread or paper]?",
        _words("kitchen knife, scissors, saw, axe, razor, pocket knife, lawn mower, garden shears, chainsaw"),
        _words("pillow, sponge, blanket, soup, balloon, sock, cloud, feather, butter, wool, cushion"),
        _words("sawdust, picture of scissors, rubber axe, bread basket, knife seller's hat, paper boat, butter dish"),
    ),
    Property(
        "[Which of these|Who] [can|could] talk with you [in words|] about [the weather|their day]?",
        "[Which of these|What] could never tell you [anything|a word] about [the weather|a book]?",
        _words(
            "nurse, farmer, bus driver, neighbour, aunt, policeman, grandmother, gardener, waiter, dentist, schoolgirl"
        ),
        _words("stone, spoon, carrot, snail, cloud, river, brick, sock, bridge, pillow, mushroom"),
        _words(
            "teacher's chair, doctor's bag, bus stop, baker's oven, snowman, scarecrow, painter's brush, farmer's boots"
        ),
    ),
)


def draw(rng: Random) -> Challenge:
    """Two properties, each with eight things of its own lists."""
    return pose(rng, NAME, "", [_question(rng, chosen) for chosen in rng.sample(PROPERTIES, 2)])


def _question(rng: Random, asked: Property) -> Question:
    size = uneven_subset(rng, _OFFERED)
    traps = (_OFFERED - size + 1) // 2
    yes = rng.sample(asked.yes, size)
    no = rng.sample(asked.traps, traps) + rng.sample(asked.no, _OFFERED - size - traps)
    is_denied = rng.random() < 0.5
    return Question(
        text=say(rng, asked.denied if is_denied else asked.asked),
        options=tuple(rng.sample(yes + no, _OFFERED)),
        right=tuple(no if is_denied else yes),
        many=True,
    )


FAMILY = Family(name=NAME, kind="worded", weight=1.5, draw=draw, grade=grade)
