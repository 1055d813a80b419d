"""The handbook that is searched: 15 subjects for each of 16 offices, and questions of which each is about one passage.

The passages of one subject differ by office and by their figures, so that a lookup by meaning finds many near ones, and
which of them is right is known by construction.
"""

from functools import cache

OFFICES = (
    "Airport",
    "Bridge",
    "Castle",
    "Chapel",
    "Forest",
    "Garden",
    "Harbour",
    "Hillside",
    "Lake",
    "Market",
    "Mill",
    "Orchard",
    "Quarry",
    "Riverside",
    "Station",
    "Tower",
)
SUBJECTS = {
    "bicycles": "Bicycles are kept in the shed behind the {office} office. It has {number} stands.",
    "canteen": "The canteen of the {office} office serves lunch from half past eleven until {hour}. A meal of the day "
    "without meat is always among the {few} on offer. Guests pay at the till, and everybody else with the staff card, "
    "which is charged at the machine beside the entrance.",
    "cleaning": "Rooms of the {office} office are cleaned after {hour}. Leave floors free, and papers locked away.",
    "defibrillator": "First aid at the {office} office: a defibrillator hangs on floor {few} beside the lift, and "
    "boxes with plasters and bandages are in every kitchen. In an emergency call extension {number} first, then the "
    "ambulance. Somebody must wait at the street door and lead the crew up, because the lift needs a card.",
    "heating": "The heating of the {office} office is turned down at {hour} and on weekends. Whoever works later may "
    "ask the caretaker for an electric heater.",
    "keys": "A lost key or staff card of the {office} office is reported to the caretaker on extension {number} at "
    "once, at night as well. It is blocked within minutes. A new one costs nothing the first time.",
    "lockers": "Lockers at the {office} office are on floor {few}. They are emptied every night.",
    "meeting-rooms": "Meeting rooms of the {office} office are booked in the calendar. The largest one seats {number} "
    "people and has a screen and two microphones. A room that nobody has entered a quarter of an hour after its "
    "meeting was to begin is free again for anyone, and the calendar says so. Chairs are put back where they were.",
    "parking": "The car park of the {office} office has {number} places for staff. The barrier opens with the card.",
    "post": "Post leaves the {office} office once a day. Letters that lie in the tray by {hour} go out the same day; "
    "parcels of more than {few} kilograms are fetched by a courier, whom the post room calls.",
    "printers": "Printers of the {office} office stand on floor {few}. Print jobs wait until you hold your card to the "
    "reader, and are deleted unprinted after {number} hours. When paper is jammed, open the flap on the left, pull the "
    "sheet out slowly and close it again; for anything else there is a number on the lid.",
    "prayer": "The {office} office has a quiet room for prayer and rest on floor {few}. Shoes stay outside.",
    "showers": "Showers at the {office} office are in the basement, two for each half of the corridor. They are locked "
    "from {hour} on. Towels are not provided.",
    "visitors": "Visitors of the {office} office are announced the day before, by name and company. At the desk they "
    "get a badge, which they wear so that it can be seen, and are fetched by the person they visit. Nobody lets a "
    "visitor walk alone. Badges are given back by {hour}, and those that are missing in the evening are blocked.",
    "waste": "Old batteries, lamps and cables are collected at the {office} office in the grey box on floor {few}.",
}


@cache
def handbook() -> dict[str, str]:
    """Passages by id, such as harbour-canteen."""
    return {
        f"{office.lower()}-{subject}": text.format(
            office=office, hour=f"{1 + (at + place) % 8} pm", few=2 + (at * 3 + place) % 7, number=20 + at * 7 + place
        )
        for at, office in enumerate(OFFICES)
        for place, (subject, text) in enumerate(SUBJECTS.items())
    }


QUESTIONS = {
    "three-words": ("Harbour office canteen", "harbour-canteen"),
    "lost-card": ("I lost my staff card at the Tower office. Whom do I call?", "tower-keys"),
    "defibrillator": ("Where is the defibrillator in the Mill office?", "mill-defibrillator"),
    "bicycle": ("Can I leave my bicycle somewhere at the Lake office?", "lake-bicycles"),
    "visitors": (
        "Two people of a supplier come to see me at the Castle office on Thursday. Do I have to tell anybody before, "
        "and may they walk through the building alone while I am on the telephone?",
        "castle-visitors",
    ),
    "paper-jam": (
        "The printer at the Garden office has swallowed my page: paper is jammed somewhere inside. What do I open, and "
        "how long will the rest of my print jobs wait for me?",
        "garden-printers",
    ),
    "batteries": ("old batteries Orchard office", "orchard-waste"),
    "post": ("Until when do I have to hand in a letter at the Station office for it to leave today?", "station-post"),
    "cold-evening": (
        "It gets terribly cold when I stay at my desk in the evening at the Quarry office, and nobody at the desk "
        "could tell me more. Is it true that the heating is turned down there at some hour, and that somebody lends "
        "electric heaters to those who work later? If so, who is it, and does it hold on weekends too?",
        "quarry-heating",
    ),
    "meeting": (
        "Nobody came to the meeting in the room next to mine at the Bridge office. When is such a room free again?",
        "bridge-meeting-rooms",
    ),
    "showers": ("Are there showers in the Forest office and do I need my own towel?", "forest-showers"),
    "quiet": ("A quiet room where I can pray, Chapel office", "chapel-prayer"),
}
"""By name a question, and the passage that it was written for."""
