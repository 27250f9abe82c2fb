# ruff: noqa: RUF001 - the letters of other alphabets are meant
"""What mail programs put between an answer and what it answers, in the languages that desks and their staff use."""

import time

import pytest

from bridge.connectors.mail.commands import commands
from bridge.connectors.mail.text import command_text, new_text

QUOTED = {
    "sv": "Den tis 21 juli 2026 kl 10:00 skrev CPSD Bridge <cpsd@bridge.example>:",
    "da": "Den tirs. 21. jul. 2026 kl. 10.00 skrev CPSD Bridge <cpsd@bridge.example>:",
    "no": "tir. 21. juli 2026 kl. 10:00 skrev CPSD Bridge <cpsd@bridge.example>:",
    "fi": "ti 21. heinäk. 2026 klo 10.00 CPSD Bridge <cpsd@bridge.example> kirjoitti:",
    "pl": "W dniu wt., 21 lip 2026 o 10:00 CPSD Bridge <cpsd@bridge.example> napisał(a):",
    "pl2": "wt., 21 lip 2026 o 10:00 CPSD Bridge <cpsd@bridge.example> napisał(a):",
    "pt": "Em ter., 21 de jul. de 2026 às 10:00, CPSD Bridge <cpsd@bridge.example> escreveu:",
    "es": "El mar, 21 jul 2026 a las 10:00, CPSD Bridge (<cpsd@bridge.example>) escribió:",
    "it": ("Il giorno mar 21 lug 2026 alle ore 10:00 CPSD Bridge <cpsd@bridge.example> ha scritto:"),
    "cs": "út 21. 7. 2026 v 10:00 odesílatel CPSD Bridge <cpsd@bridge.example> napsal:",
    "hu": "CPSD Bridge <cpsd@bridge.example> ezt írta (időpont: 2026. júl. 21., K, 10:00):",
    "ro": "În mar., 21 iul. 2026 la 10:00, CPSD Bridge <cpsd@bridge.example> a scris:",
    "tr": "CPSD Bridge <cpsd@bridge.example>, 21 Tem 2026 Sal, 10:00 tarihinde şunu yazdı:",
    "ru": "вт, 21 июл. 2026 г. в 10:00, CPSD Bridge <cpsd@bridge.example>:",
    "ru2": "21.07.2026 10:00, CPSD Bridge пишет:",
    "uk": "вт, 21 лип. 2026 р. о 10:00 CPSD Bridge <cpsd@bridge.example> пише:",
    "el": "Στις Τρί 21 Ιουλ 2026 στις 10:00, ο/η CPSD Bridge <cpsd@bridge.example> έγραψε:",
    "cy": "Ar Maw, 21 Gorff 2026 am 10:00, ysgrifennodd CPSD Bridge <cpsd@bridge.example>:",
    "zh": "CPSD Bridge <cpsd@bridge.example> 于2026年7月21日周二 10:00写道:",
    "zh2": "CPSD Bridge <cpsd@bridge.example> 于2026年7月21日周二 10:00写道：",
    "ja": "2026年7月21日(火) 10:00 CPSD Bridge <cpsd@bridge.example>:",
    "ko": "2026년 7월 21일 (화) 오전 10:00, CPSD Bridge <cpsd@bridge.example>님이 작성:",
    "de": "Am Di., 21. Juli 2026 um 10:00 Uhr schrieb CPSD Bridge <cpsd@bridge.example>:",
    "de2": "CPSD Bridge <cpsd@bridge.example> schrieb am Di., 21. Juli 2026, 10:00:",
    "nl2": "Op di 21 jul. 2026 10:00 schreef CPSD Bridge <cpsd@bridge.example>:",
    "fr2": "Le mardi 21 juillet 2026 à 10:00 UTC+1, CPSD Bridge <cpsd@bridge.example> a écrit :",
    "en2": "2026-07-21 10:00 GMT+01:00 CPSD Bridge <cpsd@bridge.example>:",
    "en3": "CPSD Bridge <cpsd@bridge.example> wrote on Tue, 21 Jul 2026:",
    "hdr-sv": ("Från: CPSD Bridge <cpsd@bridge.example>\nSkickat: den 21 juli 2026 10:00\nTill: Desk\nÄmne: x"),
    "hdr-da": "Fra: CPSD Bridge <cpsd@bridge.example>\nSendt: 21. juli 2026 10:00\nTil: Desk\nEmne: x",
    "hdr-fi": (
        "Lähettäjä: CPSD Bridge <cpsd@bridge.example>\nLähetetty"
        ": 21. heinäkuuta 2026 10:00\nVastaanottaja: Desk\nAihe: x"
    ),
    "hdr-pt": "De: CPSD Bridge <cpsd@bridge.example>\nEnviada em: 21 de julho\nPara: Desk\nAssunto: x",
    "hdr-cs": "Od: CPSD Bridge <cpsd@bridge.example>\nOdesláno: 21. července\nKomu: Desk\nPředmět: x",
    "hdr-hu": ("Feladó: CPSD Bridge <cpsd@bridge.example>\nElküldve: 2026. július 21.\nCímzett: Desk\nTárgy: x"),
    "hdr-ro": "De la: CPSD Bridge <cpsd@bridge.example>\nTrimis: 21 iulie\nCătre: Desk\nSubiect: x",
    "hdr-tr": "Kimden: CPSD Bridge <cpsd@bridge.example>\nGönderildi: 21 Temmuz\nKime: Desk\nKonu: x",
    "hdr-ru": "От: CPSD Bridge <cpsd@bridge.example>\nОтправлено: 21 июля\nКому: Desk\nТема: x",
    "hdr-zh": "发件人: CPSD Bridge <cpsd@bridge.example>\n发送时间: 2026年7月21日\n收件人: Desk\n主题: x",
    "hdr-ja": "差出人: CPSD Bridge <cpsd@bridge.example>\n送信日時: 2026年7月21日\n宛先: Desk\n件名: x",
    "hdr-ko": "보낸 사람: CPSD Bridge <cpsd@bridge.example>\n보낸 날짜: 2026년\n받는 사람: Desk\n제목: x",
    "hdr-el": "Από: CPSD Bridge <cpsd@bridge.example>\nΣτάλθηκε: 21 Ιουλίου\nΠρος: Desk\nΘέμα: x",
    "hdr-cy": "Oddi wrth: CPSD Bridge <cpsd@bridge.example>\nAnfonwyd: 21 Gorffennaf\nAt: Desk\nPwnc: x",
    "div-sv": "-----Ursprungligt meddelande-----",
    "div-da": "-----Oprindelig meddelelse-----",
    "div-pl": "-----Wiadomość oryginalna-----",
    "div-pt": "-----Mensagem original-----",
    "div-fi": "-----Alkuperäinen viesti-----",
    "div-fwd": "---------- Forwarded message ---------",
    "div-apple": "Begin forwarded message:",
    "div-ru": "-----Исходное сообщение-----",
    "div-zh": "-----邮件原件-----",
    "div-ja": "-----元のメッセージ-----",
}
BANNERS = [
    "ACHTUNG: Diese E-Mail kommt von einem externen Absender. Klicken Sie nicht auf Links.",
    "ATTENTION : ce message provient d'un expéditeur externe.",
    "ATENCIÓN: este correo procede de un remitente externo.",
    "ATTENZIONE: questa email proviene da un mittente esterno.",
    "LET OP: deze e-mail is afkomstig van een externe afzender.",
    "UWAGA: ta wiadomość pochodzi od nadawcy zewnętrznego.",
    "ATENÇÃO: este e-mail veio de um remetente externo.",
    "RHYBUDD: Daeth yr e-bost hwn o'r tu allan i'r sefydliad.",
    "This sender is outside of your organisation.",
    "OBS: Det här mejlet kommer från en extern avsändare.",
    "*** EXTERNAL EMAIL ***",
]
DISCLAIMERS = [
    "Ce message est confidentiel et destiné exclusivement au destinataire.",
    "Este mensaje es confidencial y va dirigido únicamente a su destinatario.",
    "Questo messaggio è riservato e destinato esclusivamente al destinatario.",
    "Dit bericht is vertrouwelijk en uitsluitend bestemd voor de geadresseerde.",
    "Ta wiadomość jest poufna i przeznaczona wyłącznie dla adresata.",
    "Mae'r e-bost hwn yn gyfrinachol.",
    "Diese Nachricht ist vertraulich.",
    "Detta meddelande är konfidentiellt.",
    "IMPORTANT NOTICE: this communication is intended only for the addressee.",
    "Registered in England and Wales No. 1234567. Registered office: 1 High Street",
]
#: what people write, and what must stay as it is
STAYS = [
    "We saw it on 21 July at 10:00:\nerror E21",
    "Write to jo@dcc.example if it comes back.",
    "From: 10:00\nTo: 12:00\nthe line was down.",
    "A: yes\nB: no\nC: perhaps",
    "Important: restart both hubs.",
    "This message appears on every screen.",
]


@pytest.mark.parametrize("language", QUOTED)
@pytest.mark.parametrize("quote", ["\n#resolved: quoted", "> #resolved: quoted\n> x"])
def test_what_stands_below_it_is_quoted(language, quote):
    text = new_text(f"We are on it.\n\n{QUOTED[language]}\n{quote}")
    assert text == "We are on it."
    assert commands(command_text(text)) == ()


@pytest.mark.parametrize("banner", BANNERS)
def test_a_banner_is_not_what_the_desk_says(banner):
    assert new_text(f"{banner}\n\nWe are on it.") == "We are on it."


@pytest.mark.parametrize("disclaimer", DISCLAIMERS)
def test_below_a_disclaimer_nothing_counts(disclaimer):
    assert new_text(f"We are on it.\n\n{disclaimer}\n#resolved: x") == "We are on it."


@pytest.mark.parametrize("text", STAYS)
def test_what_a_person_writes_stays(text):
    assert new_text(text) == text.strip()


@pytest.mark.parametrize(
    "hostile", ["a@b 10:00 " * 20_000, "x@" * 100_000, "10:00\n" * 30_000, "this e-mail " * 16_000]
)
def test_a_text_built_to_cost_time_costs_less_than_a_second(hostile):
    started = time.thread_time()
    new_text(hostile)
    new_text(hostile.replace(" ", "\n"))
    assert time.thread_time() - started < 1
