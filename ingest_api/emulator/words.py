"""The emulator's vocabulary of invented words and phrases. No text is from a real pin.

Categories are ordered by popularity.
"""

# ruff: noqa: RUF001 - these texts contain letters that look like Latin ones on purpose

from __future__ import annotations

CATEGORY_SHARES: dict[str, float] = {
    "christmas": 0.16,
    "home-decor": 0.13,
    "diy-and-crafts": 0.12,
    "beauty": 0.10,
    "travel": 0.09,
    "tattoos": 0.08,
    "art": 0.07,
    "quotes": 0.06,
    "mens-fashion": 0.05,
    "education": 0.05,
    "finance": 0.04,
    "event-planning": 0.03,
    "vehicles": 0.02,
}

SUBJECTS: dict[str, tuple[str, ...]] = {
    "christmas": ("Advent Calendar", "Paper Star Garland", "Gingerbread Village", "Tree Skirt", "Stocking Filler"),
    "home-decor": ("Reading Nook", "Hallway Bench", "Gallery Wall", "Linen Curtain", "Balcony Herb Shelf"),
    "diy-and-crafts": ("Macrame Hanger", "Pressed Flower Card", "Clay Trinket Dish", "Felt Bookmark", "Wire Lamp"),
    "beauty": ("Evening Skin Routine", "Braided Crown", "Rosewater Toner", "Matte Nail Set", "Curl Refresh"),
    "travel": ("Night Train Route", "Island Ferry Weekend", "Packing List", "Old Town Walk", "Mountain Hut Tour"),
    "tattoos": ("Fine Line Fern", "Small Compass", "Moon Phase Sleeve", "Wave Outline", "Single Needle Swallow"),
    "art": ("Ink Landscape", "Charcoal Study", "Gouache Palette", "Linocut Print", "Paper Collage"),
    "quotes": ("Monday Reminder", "Line About Patience", "Kitchen Wall Motto", "Note to Self", "Travel Saying"),
    "mens-fashion": ("Waxed Jacket", "Summer Linen Suit", "Capsule Wardrobe", "Desert Boot", "Roll Neck Layering"),
    "education": ("Fractions Game", "Reading Corner", "Phonics Chart", "Science Fair Idea", "Classroom Routine"),
    "finance": ("Envelope Budget", "Coupon Organizer", "Debt Snowball Sheet", "Pantry Inventory", "First Salary Plan"),
    "event-planning": ("Garden Wedding Table", "Seating Plan", "Baby Shower Menu", "Picnic Invitation", "Quiz Night"),
    "vehicles": ("Camper Conversion", "Vintage Scooter", "Roof Tent Setup", "Cargo Bike Build", "Barn Find Coupe"),
}

QUALITIES = (
    *("Easy", "Cozy", "Budget-Friendly", "Minimalist", "Rustic", "Playful", "Timeless", "Weekend", "Small-Space"),
    *("Colorful", "Elegant", "Five-Minute", "Handmade", "Scandinavian", "Vintage-Inspired", "No-Sew", "Bold"),
)
TITLES = (
    "{quality} {subject}",
    "{number} {quality} {subject} Ideas",
    "How to Make a {quality} {subject}",
    "{subject}: {number} Things We Learned",
    "{quality} {subject} for Beginners — {poster}",
    "Our {quality} {subject} 💚",
    "{subject} ✨ {number} Ways",
)
SENTENCES = (
    "A {quality} take on the {subject} that fits a busy week.",
    "Everything you need is probably in a drawer already.",
    "We tried it {number} times so that you do not have to!",
    'Save this one for later: a "{quality}" {subject} with a printable list.',
    "It costs less than {number} euros, and it lasts.",
    "Swipe through for the {subject} from start to finish 👀",
    "Café-style, but at home: crème, brass & old oak.",
    "The template is free, the steps are short.",
)

# Titles and descriptions in other scripts: they reveal readers that damage UTF-8.
FOREIGN_TEXTS = (
    ("Ιδέες για το σπίτι: {number} απλά βήματα", "Μικρές αλλαγές που κάνουν τη διαφορά σε κάθε δωμάτιο."),
    ("Χειροποίητα στολίδια με χαρτί", "Ό,τι χρειάζεσαι υπάρχει ήδη στο συρτάρι σου ☀️"),
    ("{number} идей для уютного вечера", "Простые вещи, которые легко сделать своими руками."),
    ("Маленькая мастерская на балконе", "Пошаговая инструкция и список материалов — всё бесплатно."),
    ("小さな部屋のための{number}つの工夫", "道具は少なく、手順は短く。週末に試してみてください。"),
    ("手作りの紙の星", "折り紙一枚で作れる飾りです。子どもと一緒に楽しめます。"),
    ("{number}个适合周末的手工创意", "材料简单，步骤清楚，和孩子一起完成吧。"),
    ("작은 방을 위한 {number}가지 아이디어", "주말에 가볍게 따라 할 수 있는 방법을 모았어요 🌿"),
)

TAGS = ("Ideas", "Inspiration", "Tutorial", "On A Budget", "For Beginners", "Aesthetic", "Checklist", "2024", "At Home")

FIRST_NAMES = (
    *("Amara", "Bruno", "Chloé", "Dario", "Elif", "Farid", "Greta", "Hana", "Ivo", "Jonna", "Kofi", "Lucía", "Mirek"),
    *("Nadia", "Oskar", "Paloma", "Quinn", "Rosa", "Søren", "Talia", "Umut", "Vera", "Wanda", "Yannick", "Zoë"),
    *("Ελένη", "Νίκος", "Ольга", "Дмитрий", "さくら", "美玲", "Łucja", "Željko", "Ingrid", "Malik"),
)
LAST_NAMES = (
    *("Abara", "Bergström", "Castellanos", "Duarte", "Eklund", "Fontaine", "Gallo", "Hartmann", "Ibáñez", "Jovanović"),
    *("Kowalski", "Lindqvist", "Moreau", "Nakagawa", "O'Dell", "Petrov", "Quist", "Rossi", "Şahin", "Thorne"),
    *("Ueda", "Vance", "Whitlock", "Yilmaz", "Zeman", "Παππά", "Соколова", "山本", "Ferreira", "McAllister"),
)
STUDIO_FIRST_WORDS = (
    *("Leaf", "Copper", "Paper", "Juniper", "Harbor", "Velvet", "Marble", "Saffron", "Birch", "Willow", "Ember"),
    *("Indigo", "Clover", "Maple", "Pebble", "Lantern", "Thistle", "Meadow", "Cobalt", "Hazel", "Linen", "Ochre"),
)
STUDIO_LAST_WORDS = (
    *("Ladle", "Thread", "Compass", "Kettle", "Studio", "Pantry", "Workshop", "Journal", "Atelier", "Garden", "Press"),
    *("Loft", "Nest", "Supply", "Diary", "Collective", "Market", "Cottage", "Palette", "Parlor"),
)
STUDIO_NAMES = ("{first} & {last}", "The {first} {last}", "{first} {last} | Lifestyle Blog", "{first} {last} 🌿")
