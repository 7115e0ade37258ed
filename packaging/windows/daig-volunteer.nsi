; The installer for Windows, for one person and without administrator's rights. Built from dist\daig-volunteer:
;   makensis -DVERSION=0.1.0 packaging\windows\daig-volunteer.nsi
; Silent, for a laboratory: the installer with /S and a daig-join.toml beside it (it is copied beside the program).
Unicode true
!include MUI2.nsh
!include FileFunc.nsh
!include LogicLib.nsh

!ifndef VERSION
  !error "say which version: makensis -DVERSION=0.1.0"
!endif
!ifndef PAYLOAD
  !define PAYLOAD "..\..\dist\daig-volunteer"
!endif
!ifndef OUTPUT
  !define OUTPUT "..\..\dist\daig-volunteer-${VERSION}-windows-x86_64.exe"
!endif
!ifndef ICON
  !define ICON "..\..\build\icons\daig-volunteer.ico"
!endif
!define RUN "Software\Microsoft\Windows\CurrentVersion\Run"
; As volunteer/autostart/windows.py calls it, which follows the preference "start at log-in".
!define RUN_VALUE "DAIG Volunteer"
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\DAIG Volunteer"

Name "DAIG Volunteer"
OutFile "${OUTPUT}"
InstallDir "$LOCALAPPDATA\Programs\DAIG Volunteer"
InstallDirRegKey HKCU "${UNINSTALL}" "InstallLocation"
RequestExecutionLevel user
SetCompressor /SOLID lzma
BrandingText "DAIG"
VIProductVersion "${VERSION}.0"
VIAddVersionKey "ProductName" "DAIG Volunteer"
VIAddVersionKey "FileDescription" "Lends this computer's idle time to train neural networks"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "LegalCopyright" "MIT"

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_FINISHPAGE_RUN "$INSTDIR\daig-volunteer-tray.exe"
!define MUI_FINISHPAGE_RUN_PARAMETERS "run"
!define MUI_FINISHPAGE_RUN_TEXT "Start DAIG Volunteer (it does nothing until you say go)"
!insertmacro MUI_PAGE_WELCOME
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

; A program that runs is asked to deliver what it has and to end: its files cannot be replaced under it.
!macro QuitRunning
  ${If} ${FileExists} "$INSTDIR\daig-volunteer.exe"
    nsExec::Exec '"$INSTDIR\daig-volunteer.exe" quit'
    Sleep 6000
  ${EndIf}
!macroend

Section "Program"
  !insertmacro QuitRunning
  RMDir /r "$INSTDIR\_internal"
  SetOutPath "$INSTDIR"
  ; A join file that lies there from an earlier installation stays where this installer brings none.
  File /r "${PAYLOAD}\*.*"
  ${If} ${FileExists} "$EXEDIR\daig-join.toml"
    CopyFiles /SILENT "$EXEDIR\daig-join.toml" "$INSTDIR\daig-join.toml"
  ${EndIf}
  WriteUninstaller "$INSTDIR\uninstall.exe"
  CreateShortCut "$SMPROGRAMS\DAIG Volunteer.lnk" "$INSTDIR\daig-volunteer-tray.exe" "run"

  ReadRegStr $0 HKCU "${UNINSTALL}" "InstallLocation"
  ${If} $0 == ""
    ; Only the first time: afterwards it is as the person prefers.
    WriteRegStr HKCU "${RUN}" "${RUN_VALUE}" '"$INSTDIR\daig-volunteer-tray.exe" run'
  ${EndIf}
  WriteRegStr HKCU "${UNINSTALL}" "DisplayName" "DAIG Volunteer"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayIcon" "$INSTDIR\daig-volunteer.exe"
  WriteRegStr HKCU "${UNINSTALL}" "Publisher" "The DAIG project"
  WriteRegStr HKCU "${UNINSTALL}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKCU "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKCU "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL}" "NoRepair" 1
  ${GetSize} "$INSTDIR" "/S=0K" $0 $1 $2
  WriteRegDWORD HKCU "${UNINSTALL}" "EstimatedSize" $0
  ${If} ${Silent}
    ; Nobody sits before a laboratory's machine to press the last page's button.
    Exec '"$INSTDIR\daig-volunteer-tray.exe" run'
  ${EndIf}
SectionEnd

Section "Uninstall"
  !insertmacro QuitRunning
  DeleteRegValue HKCU "${RUN}" "${RUN_VALUE}"
  DeleteRegKey HKCU "${UNINSTALL}"
  Delete "$SMPROGRAMS\DAIG Volunteer.lnk"
  RMDir /r "$INSTDIR\_internal"
  Delete "$INSTDIR\daig-volunteer.exe"
  Delete "$INSTDIR\daig-volunteer-tray.exe"
  Delete "$INSTDIR\daig-join.toml"
  Delete "$INSTDIR\release-key.pub"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
  ; Gigabytes that can be fetched again, where platformdirs puts the cache. Settings and token stay.
  RMDir /r "$LOCALAPPDATA\daig\daig\Cache"
SectionEnd
