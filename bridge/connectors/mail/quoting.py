"""The lines by which mail programs set apart what is not new: quotes, signatures, banners, disclaimers, by language.

English, Welsh, German, French, Dutch, Spanish, Italian, Portuguese, Polish, Czech, Hungarian, Romanian, Swedish,
Danish, Norwegian, Finnish, Greek, Turkish, Russian, Ukrainian, Chinese, Japanese, Korean. Every expression is bounded.
"""

# ruff: noqa: RUF001 - the letters of other alphabets are meant

from __future__ import annotations

import re

_FROM = (
    "from|von|van|de la|de|da|od|oddi wrth|fr[åa]n|fra|l[äa]hett[äa]j[äa]|felad[óo]|kimden|от|кого|від|"
    "από|发件人|寄件者|差出人|보낸 사람"
)
_OTHERS = (
    "sent|to|cc|subject|date|reply-to|importance|gesendet|an|betreff|datum|envoy[ée]|[àa]|objet|verzonden|aan|onderwerp|"
    "enviad[oa]( em)?|enviado el|para|asunto|assunto|fecha|data|inviato|a|oggetto|wys[łl]ano|do|temat|anfonwyd|at|pwnc|"
    "skickat|till|[äa]mne|sendt|til|emne|l[äa]hetetty|vastaanottaja|aihe|p[äa]iv[äa]ys|odesl[áa]no|komu|p[řr]edm[ěe]t|"
    "elk[üu]ldve|c[íi]mzett|t[áa]rgy|trimis|c[ăa]tre|subiect|g[öo]nderildi|kime|konu|отправлено|кому|тема|дата|надіслано|"
    "στάλθηκε|προς|θέμα|发送时间|收件人|抄送|主题|寄件日期|收件者|主旨|送信日時|宛先|件名|보낸 날짜|받는 사람|제목"
)
_FIELD = re.compile(rf"^[*\s]{{0,4}}({_FROM}|{_OTHERS})\s{{0,2}}[:\uff1a][*\s]{{0,3}}\S", re.IGNORECASE)
FIRST_FIELD = re.compile(rf"^[*\s]{{0,4}}({_FROM})\s{{0,2}}[:\uff1a]", re.IGNORECASE)
_SUBJECT = re.compile(
    r"^[*\s]{0,4}(subject|betreff|objet|onderwerp|asunto|assunto|oggetto|temat|pwnc|[äa]mne|emne|aihe|"
    r"p[řr]edm[ěe]t|t[áa]rgy|subiect|konu|тема|θέμα|主题|主旨|件名|제목)\s{0,2}[:\uff1a]",
    re.IGNORECASE,
)
_SENT = re.compile(
    r"^[*\s]{0,4}(sent|gesendet|envoy[ée]|verzonden|enviad[oa]( em)?|enviado el|inviato|wys[łl]ano|anfonwyd|skickat|"
    r"sendt|l[äa]hetetty|odesl[áa]no|elk[üu]ldve|trimis|g[öo]nderildi|отправлено|надіслано|στάλθηκε|发送时间|"
    r"寄件日期|送信日時|보낸 날짜)\s{0,2}[:\uff1a]|^[*\s]{0,4}(date|datum|fecha|data|dato)\s{0,2}:"
    r"([^:]{4,80}\d:\d\d|[*\s]{0,3}(mon|tues|wednes|thurs|fri|satur|sun)day\b)",
    re.IGNORECASE,
)
_MEETING = re.compile(r"^[*\s]{0,4}organi[sz]er\s{0,2}:[*\s]{0,3}\S", re.IGNORECASE)
_OF_MEETING = re.compile(r"^[*\s]{0,4}(when|subject)\s{0,2}:", re.IGNORECASE)
_TIMED = re.compile(r"\d[:.]\d\d")
#: as BlackBerry writes it above a header
HEADING = re.compile(r"^\s{0,3}original message\s*$", re.IGNORECASE)
DIVIDER = re.compile(
    r"^\s{0,3}-{2,}\s{0,3}(original message|original appointment|forwarded message|urspr[üu]ngliche nachricht|"
    r"weitergeleitete nachricht|message d'origine|message original|message transf[ée]r[ée]|oorspronkelijk bericht|"
    r"mensaje original|mensaje reenviado|messaggio originale|mensagem original|wiadomo[śs][ćc] oryginalna|"
    r"oryginalna wiadomo[śs][ćc]|ursprungligt meddelande|oprindelig meddelelse|opprinnelig melding|"
    r"alkuper[äa]inen viesti|p[ůu]vodn[íi] zpr[áa]va|eredeti [üu]zenet|mesaj original|orijinal mesaj|neges wreiddiol|"
    r"исходное сообщение|пересылаемое сообщение|оригінальне повідомлення|αρχικό μήνυμα|"
    r"邮件原件|原始邮件|転送メッセージ|元のメッセージ|원본 메일|원본 메시지)\s{0,3}-{2,}|"
    r"^\s{0,3}begin forwarded message:|"
    # Zoho, GroupWise, Notes
    r"^\s{0,3}-{2,}\s{0,3}on\b.{5,300}\bwrote\s{0,3}-{2,}\s*$|^\s{0,3}>>>\s?[^>]{0,200}\d[^>]{0,100}>>>\s*$|"
    r"^[^>].{1,80}---\s?\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}\s\d{1,2}[:.]\d\d([:.]\d\d)?(\s?[ap]m)?\s?---",
    re.IGNORECASE,
)
RULE = re.compile(r"^\s{0,3}[_]{20,}\s*$|^\s{0,3}[-]{30,}\s*$")
_WROTE = re.compile(
    r"\b(wrote|writes|schrieb|a [ée]crit|schreef|escribi[óo]|escreveu|ha scritto|napisa[łl]\(?a?\)?|napsala?|skrev|"
    r"kirjoitti|a scris|ezt [íi]rta|yazd[ıi]|ysgrifennodd|пишет|писал\(?а?\)?|написала?|пише|έγραψε)\b[^:]{0,120}:\s*$|"
    r"\b(wrote|schrieb|skrev) (on|am|den)\b.{0,120}:\s*$|(写道|님이 작성)\s{0,2}[:\uff1a]\s*$",
    re.IGNORECASE,
)
_WROTE_BEGINS = re.compile(
    r"^\s{0,3}(on|am|le|op|el|il|w dniu|den|at|em|în|ar|dnia|στις|\d{1,4}[./-]\d{1,2}[./-]\d{1,4})\b", re.IGNORECASE
)
#: an introduction by itself, though nothing in it is an address, or no colon ends it
_SAID = re.compile(
    r"^[^.:,;]{2,80}\bsaid on\b[^:]{0,30}\d.{0,60}:\s*$|書きました\s{0,2}[:\uff1a]\s*$|"
    r"^on\b(?=.{0,80}\b\d{4}\b).{4,200}\bwrote\s*$|"
    r"\S@\S{1,100}\s(wrote|said) on (mon|tue|wed|thu|fri|sat|sun|\d)[\w/.-]{0,9}[,.]?([ ,]{1,3}\d.{0,60})?\s*$",
    re.IGNORECASE,
)
_STAMP = r"^\s{0,3}\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4},?\s\d{1,2}:\d\d:\d\d(\s[ap]m)?"
_PERSON = r"(?-i:[A-Z][\w'’-]{0,30}( [A-Z][\w'’-]{0,30}){1,3})"
_MOMENT = r"(\d{1,2}[/.]\d{1,2}([/.]\d{2,4})?,? )?\d{1,2}:\d\d( [ap]m)?"
#: the headings of Jira, Remedy and Teams, and of ServiceNow, of which the second line may hold the last words
_ENTRY = re.compile(
    rf"^[^.:,;]{{2,80}} commented on .{{2,80}}:\s*$|{_STAMP}\s{{1,3}}[a-z][a-z0-9._-]{{0,30}}[a-z0-9]\s*$|"
    rf"^\s{{0,3}}({_PERSON}, (?=.{{0,6}}[/.]){_MOMENT}|\[{_MOMENT}\] {_PERSON})\s*$",
    re.IGNORECASE,
)
_STAMPED = re.compile(rf"{_STAMP}(\s[a-z]{{2,5}})?\s[-–]\s\S", re.IGNORECASE)
_JOURNAL = re.compile(r"\(?\b(additional comments|work notes|comments and work notes)\b.{0,40}$", re.IGNORECASE)
#: one line with an address and a time or a year in it that ends with a colon introduces a quote in any language
_ADDRESS_AND_TIME = re.compile(r"^(?=.{0,300}\S@\S)(?=.{0,300}(\b\d{1,2}[:.]\d{2}\b|\d{4})).{10,400}[:\uff1a]\s*$")
SIGNATURE = re.compile(r"^--\s*$")
DEVICE = re.compile(
    r"^\s{0,3}(sent from my|sent from outlook|get outlook for|gesendet von meinem|von meinem \w{2,20} gesendet|"
    r"envoy[ée] de(puis)? mon|verzonden vanaf mijn|enviado desde mi|inviato da(l mio)? |enviado do meu|"
    r"wys[łl]ano z (mojego )?|skickat fr[åa]n min|sendt fra min|l[äa]hetetty (laitteesta|iphone)|anfonwyd o fy|"
    r"отправлено с )",
    re.IGNORECASE,
)
GREETING = re.compile(r"^\s{0,3}(hi|hello|hey|dear|good (morning|afternoon|evening))\b[^.:?#]{0,40}$", re.IGNORECASE)
CLOSING = re.compile(
    r"^\s{0,3}((kind|best|warm|many)?\s{0,2}regards|(many )?thanks( and regards)?|thank you|"
    r"yours (sincerely|faithfully)|cofion( cynnes| gorau)?|diolch|mit freundlichen gr[üu](ß|ss)en|"
    r"(viele|beste|freundliche) gr[üu](ß|ss)e|cordialement|bien [àa] vous|met vriendelijke groet(en)?|"
    r"(un )?saludos?( cordial(es)?)?|atentamente|cordiali saluti|distinti saluti|atenciosamente|cumprimentos|"
    r"pozdrawiam|z powa[żz]aniem|s pozdravem|[üu]dv[öo]zlettel|cu stim[ăa]|med v[äa]nliga? h[äa]lsning(ar)?|"
    r"med venlig hilsen|(med )?vennlig hilsen|yst[äa]v[äa]llisin terveisin|με εκτίμηση|sayg[ıi]lar[ıi]mla|с уважением|"
    r"з повагою)\s{0,2}[,.!]?\s*$",
    re.IGNORECASE,
)
_BANNER = re.compile(
    r"^\W{0,6}(caution|warning|external|attention|achtung|notice|important|be careful|vorsicht|atenci[óo]n|attenzione|"
    r"aten[çc][ãa]o|let op|uwaga|rhybudd|obs|advarsel|varning|varoitus|upozorn[ěe]n[íi]|figyelem|atenție|dikkat|"
    r"внимание|προσοχή|this (e-?mail|message|sender) (was|is|has been|came|originated)|you don't often get)\b.{0,200}?"
    r"(external|outside|originated|unknown sender|do not click|links or|extern|often get|externo|esterno|zewn[ęe]trzn|"
    r"tu allan|ulkopuol|k[üu]ls[őo]|d[ıi][şs] |внешн|εξωτερικ)|^\W{0,6}external (sender|e-?mail|message|mail)\W{0,6}$",
    re.IGNORECASE,
)
#: what a banner speaks of, and a warning about something else does not
_OF_MAIL = re.compile(
    r"\b(e-?mails?|mails?|messages?|sender|links or|do not click|often get|nachricht|absender|courriel|exp[ée]diteur|"
    r"correo|mensaje|remitente|messaggio|mittente|mensagem|remetente|bericht|afzender|wiadomo[śs][ćc]|nadawc\w{1,3}|"
    r"e-bost|mejl\w{0,3}|meddeland\w{1,2}|meddelelse\w{0,2}|melding\w{0,2}|avs[äa]ndare|afsender|avsender|"
    r"s[äa]hk[öo]posti\w{0,3}|viesti|l[äa]hett[äa]j\w{1,4}|zpr[áa]va|odes[íi]latel\w{0,2}|[üu]zenet|felad[óo]\w{0,3}|"
    r"mesaj\w{0,2}|expeditor|g[öo]nder\w{1,6}|e-?posta|письмо|сообщение|отправител\w{1,3}|μήνυμα|αποστολέα\w?)\b",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"\b(do not click|(open|follow) (any )?(links?|attachments?)|recogni[sz]e the sender|content is safe|learn why|"
    r"unless you (recogni[sz]e|know|trust|are (sure|certain|expecting))|links? (or|and) attachments?|"
    r"attachments? (or|and) links?|report (this|suspicious) (e-?mails?|messages?))\b",
    re.IGNORECASE,
)
DISCLAIMER = re.compile(
    r"^\W{0,6}((confidential(ity)? notice|disclaimer|legal notice)(\W{0,6}$|\s{0,2}[-–—:.*|]|\s{1,3}(the|this)\b)|"
    r"(important notice.{0,10})?this (e-?mail|message|communication)\b.{0,80}"
    r"(\bintended (only|solely|exclusively|for (the )?(attention|use|sole|exclusive|named|addressee|recipient|person|"
    r"individual|intended|above))|(?<!\bthe )\b(confidential|privileged)\b(?! (access|account|session|user)))|"
    r"the (information|contents?) (contained )?(in|of) this (e-?mail|message)\b.{0,120}"
    r"\b(confidential|intended|privileged|proprietary|protected|solely|without warranty|legally)\b|"
    r"registered in (england|scotland|wales)( (and|&) (england|scotland|wales))?"
    r"(\W{0,6}$|\b.{0,40}(\bno\b|\bnumber\b|\d{6}|\bcompany\b|\boffice\b))|"
    r"(diese|ce|cet|este|esta|questo|questa|dit|deze|ta|mae'r|detta|denne|t[äa]m[äa]|tato|ez az|acest)\b.{0,30}\b"
    r"(e-?mail|nachricht|message|courriel|mensaje|correo|messaggio|bericht|wiadomo[śs][ćc]|mensagem|e-bost|meddelande|"
    r"meddelelse|melding|viesti|zpr[áa]va|[üu]zenet|mesaj)\b.{0,80}(vertraulich|confident|confiden[cz]ial|riservat|"
    r"vertrouwelijk|poufn|gyfrinachol|konfidentiel|fortrolig|luottamuksel|d[ůu]v[ěe]rn|bizalmas))",
    re.IGNORECASE,
)
_SHORTEST_WRAPPED = 40
_FEWEST_FIELDS = 2


def is_banner(line: str) -> bool:
    """Whether a gateway's warning about where a mail comes from begins with this line."""
    begins = _BANNER.match(line)
    return begins is not None and _OF_MAIL.search(line) is not None


def runs_on(above: str, line: str) -> bool:
    """Whether a banner or disclaimer goes on in this line, though no blank line says where it ends."""
    if _GOES_ON.search(line):
        return True
    return len(above) >= _SHORTEST_WRAPPED and above[-1] not in ".!?:*]>)" and line.lstrip()[:1].islower()


def is_header(lines: list[str]) -> bool:
    """Whether a mail's header begins with the first of these lines, which name the sender first.

    Other things go from one to another as well: "From: 10:00, To: 12:00" is the time of an outage, and a change of
    supplier has a date besides. So one of the fields holds an address, or the subject is among them, or the time when
    the mail was sent comes second.
    """
    if _MEETING.match(lines[0]):
        return len(lines) > 1 and _OF_MEETING.match(lines[1]) is not None
    if not FIRST_FIELD.match(lines[0]):
        return False
    fields = [one for one in lines[:5] if _FIELD.match(one)]
    if len(fields) < _FEWEST_FIELDS:
        return False
    if "@" in "".join(fields) or (len(fields) > _FEWEST_FIELDS and any(_SUBJECT.match(one) for one in fields)):
        return True
    return _SENT.match(lines[1]) is not None and not _TIMED.search(lines[0])


def is_entry(lines: list[str]) -> bool:
    """Whether the first of these lines is the heading of an entry in a ticket's history."""
    if _ENTRY.match(lines[0]):
        return True
    return bool(_STAMPED.match(lines[0])) and any(_JOURNAL.search(one[:400]) for one in lines[:2])


def introduction(lines: list[str], number: int) -> int:
    """How many lines, of at most four, "On … wrote:" takes from here; 0 if it is none."""
    if _ADDRESS_AND_TIME.match(lines[number]):
        return 1
    if "@" in lines[number] and _says_who_wrote(lines[number]):
        return 1
    if _SAID.search(lines[number][-400:]):
        return 1
    if not _WROTE_BEGINS.match(lines[number]):
        return 0
    for count in (1, 2, 3, 4):
        if _says_who_wrote(" ".join(lines[number : number + count])):
            return count
    return 0


def _says_who_wrote(text: str) -> bool:
    """Whether a text ends with "… wrote:". All that does ends with a colon, which is looked for in no time."""
    return text.rstrip().endswith((":", "\uff1a")) and _WROTE.search(text[-400:]) is not None
